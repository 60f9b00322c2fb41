-- include: breaker, events, leases, records, suspects, trouble
-- A request failed: note it against its chatbot, its account and the endpoint, and open a breaker
-- where the evidence suffices.
--
-- The account's breaker opens after some seconds without a success, and in that time some failures
-- of some distinct chatbots. The endpoint's opens when it gave no answer to as many chatbots, or
-- when nobody had a success and the breakers of three accounts and more than half of the active
-- ones are open.
--
-- ARGV: now, job id, lease token, outcome code, what happened in a sentence
-- Replies: 1 the attempt counts, 0 a breaker is open: it is not the job's fault

local id, token, code, sentence = ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local job = load_job(id)
if not job or not holds_lease(job, token) then return 1 end
local reported_by, verdict = string.match(job.reported or '', '^(.*):(%d)$')
if reported_by == token then return tonumber(verdict) end  -- the reply was lost

local name = account_of(job)
local key, it = '{facelift}:account:' .. name, account(name)
local after = tonumber(config().breaker_after or 5)
local least_failures = tonumber(config().breaker_failures or 10)
local least_chatbots = tonumber(config().breaker_chatbots or 5)
local forgotten = 300  -- seconds after which a failure proves nothing any more

-- Note a failure in a list; returns its failures and distinct chatbots that are not forgotten.
local function note(list, who)
  redis.call('LPUSH', list, now_text .. ' ' .. who)
  redis.call('LTRIM', list, '0', '99')
  redis.call('EXPIRE', list, '3600')
  local failures, chatbots, seen = 0, 0, {}
  for _, entry in ipairs(redis.call('LRANGE', list, '0', '-1')) do
    local at, chatbot = string.match(entry, '^(%S+) (.*)$')
    if tonumber(at) > now - forgotten then
      failures = failures + 1
      if not seen[chatbot] then chatbots = chatbots + 1 end
      seen[chatbot] = true
    end
  end
  return failures, chatbots
end

-- Since when there are failures and no success, noted in a field.
local function since(hash_key, field, last)
  local hash = pool_hash(hash_key)
  local is_recent = now - tonumber(hash[last] or 0) < forgotten
  local began = is_recent and tonumber(hash[field] or nil) or now
  update(hash_key, { [field] = timestamp(began), [last] = now_text })
  return began
end

local function open(hash_key, reason, account_name)
  update(hash_key, { breaker = 'open', breaker_since = now_text, breaker_reason = reason,
                     arrivals = '', arrivals_at = '', failed_probes = '' })
  schedule_probe(hash_key)
  record_event('breaker_opened', reason, 'facelift', account_name)
end

-- Give the attempts back that failed before a breaker of the account opened.
local function refund(account_name)
  local list = '{facelift}:charged:' .. account_name
  for _, entry in ipairs(redis.call('LRANGE', list, '0', '-1')) do
    local charged, number = string.match(entry, '^(.*):(%d+)$')
    local is_readable, its = pcall(load_job, charged)
    if is_readable and its and is_pending(its.state) and tonumber(its.attempts_used or 0) > 0 then
      local attempt = its['attempt:' .. number]
      redis.call('HINCRBY', '{facelift}:job:' .. charged, 'attempts_used', '-1')
      if attempt then
        redis.call('HSET', '{facelift}:job:' .. charged, 'attempt:' .. number,
                   (string.gsub(attempt, '"counted":true', '"counted":false')))
      end
    end
  end
  redis.call('DEL', list)
end

-- A probe failed. The third of a distinct chatbot proves that it is an outage.
local function note_failed_probe(hash_key)
  update(hash_key, { breaker = 'open' })
  local failed = pool_hash(hash_key).failed_probes or '[]'
  if failed == 'refunded' then return end
  local chatbots = cjson.decode(failed)
  for _, chatbot in ipairs(chatbots) do
    if chatbot == job.chatbot_id then return end
  end
  chatbots[#chatbots + 1] = job.chatbot_id
  if #chatbots < 3 then
    update(hash_key, { failed_probes = cjson.encode(chatbots) })
    return
  end
  update(hash_key, { failed_probes = 'refunded' })
  if hash_key ~= endpoint_key then return refund(name) end
  for _, other in ipairs(redis.call('SMEMBERS', '{facelift}:accounts')) do refund(other) end
end

local function check_account()
  local began = since(key, 'failing_since', 'failed_at')
  local failures, chatbots = note('{facelift}:failures:' .. name, job.chatbot_id)
  if now - began < after or failures < least_failures or chatbots < least_chatbots then
    return
  end
  open(key, string.format('%.0f s without a success, and %d failures of %d chatbots; the last: %s',
                          now - began, failures, chatbots, sentence), name)
end

local function check_endpoint()
  local unanswered = { connection_failed = true, connection_lost = true, dns_failed = true,
                       tls_failed = true }
  if unanswered[code] then
    local began = since(endpoint_key, 'unanswered_since', 'unanswered_at')
    local _, chatbots = note('{facelift}:unanswered', name .. '/' .. job.chatbot_id)
    if now - began >= after and chatbots >= least_chatbots then
      return open(endpoint_key,
                  string.format('No answer to %d chatbots in %.0f s; the last: %s', chatbots,
                                now - began, sentence))
    end
  end
  if is_closed(key) then return end
  local active, failing, answered_at = 0, 0, 0
  for _, other in ipairs(redis.call('SMEMBERS', '{facelift}:accounts')) do
    local other_key = '{facelift}:account:' .. other
    local hash = pool_hash(other_key)
    if not is_closed(other_key) then
      failing, active = failing + 1, active + 1
    elseif math.max(tonumber(hash.failed_at or 0), tonumber(hash.answered_at or 0)) > now - 60 then
      active = active + 1
    end
    answered_at = math.max(answered_at, tonumber(hash.answered_at or 0))
  end
  if failing >= 3 and failing * 2 > active and now - answered_at >= after then
    local reason = 'The breakers of %d of %d active accounts are open; the last: %s'
    open(endpoint_key, string.format(reason, failing, active, sentence))
  end
end

record_suspect(name, job, code, sentence)
update(key, { recent = append_result(name, 'x') })
local blocking = open_breaker(name)
if blocking then
  if job.probe then note_failed_probe(blocking) end
  if blocking ~= endpoint_key then check_endpoint() end
else
  redis.call('LPUSH', '{facelift}:charged:' .. name, id .. ':' .. tonumber(job.history or 0) + 1)
  redis.call('LTRIM', '{facelift}:charged:' .. name, '0', '99')
  redis.call('EXPIRE', '{facelift}:charged:' .. name, '3600')
  check_account()
  check_endpoint()
end
verdict = blocking and 0 or 1
redis.call('HSET', '{facelift}:job:' .. id, 'reported', token .. ':' .. verdict)
return verdict
