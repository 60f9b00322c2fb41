-- What all workers share: the circuit breaker of the endpoint, pauses, the accounts.

local EVENTS_KEPT = 200
local NEVER = 1e11        -- the year 5138: until somebody does something about it
local REFUSALS = 3        -- 401 or 403 in a row that pause an account
local BUCKETS = 6         -- parts of the breaker's window, which moves by one at a time
local LEAST_REQUESTS = 20 -- before the share of failures in a window means anything

local hashes = {}

-- A hash of the pool as a table; `set` keeps the two the same.
local function pool(key)
  if not hashes[key] then hashes[key] = read_hash(key) end
  return hashes[key]
end

-- set(key, field, value, ...): '' removes the field
local function set(key, ...)
  local hash, fields = pool(key), { ... }
  for i = 1, #fields, 2 do
    if fields[i + 1] == '' then
      hash[fields[i]] = nil
      redis.call('HDEL', key, fields[i])
    else
      hash[fields[i]] = tostring(fields[i + 1])
      redis.call('HSET', key, fields[i], fields[i + 1])
    end
  end
end

local function account(name) return pool(ACCOUNT .. name) end

local function know(name) redis.call('SADD', ACCOUNTS, name) end

local function tell(what, reason, who, name)
  expect('list', EVENTS)
  expect('list', UNLOGGED_EVENTS)
  local event = cjson.encode({ at = now, what = what, reason = reason, by = who, account = name })
  for _, list in ipairs({ EVENTS, UNLOGGED_EVENTS }) do
    redis.call('LPUSH', list, event)
    redis.call('LTRIM', list, '0', EVENTS_KEPT - 1)
  end
end

local function look_at_account(name, at)
  redis.call('ZADD', SCHEDULE, seconds(at), 'account:' .. name)
end

local function look_at_all_accounts()
  expect('set', ACCOUNTS)
  for _, name in ipairs(redis.call('SMEMBERS', ACCOUNTS)) do look_at_account(name, now) end
end

-- If workers send webhooks, that of a job which ends is due at once.
local function want_webhook(id)
  if pool(ENDPOINT).webhooks then redis.call('ZADD', WEBHOOKS, seconds(now), id) end
end

-- Pauses

local function pause(key, code, reason, who, until_)
  set(key, 'paused', code, 'pause_reason', reason, 'paused_by', who, 'paused_at', seconds(now),
      'paused_until', until_)
end

-- Until when a pause lasts, or nil when there is none.
local function paused_until(hash)
  local at = hash.paused and tonumber(hash.paused_until or NEVER)
  return at and at > now and at or nil
end

local function resume(key)
  local was = paused_until(pool(key))
  set(key, 'paused', '', 'pause_reason', '', 'paused_by', '', 'paused_at', '', 'paused_until', '',
      'refusals', '', 'refused_key', '', 'quiet_until', '', 'throttles', '')
  return was
end

local function sentence_of_pause(hash, what)
  local reason = hash.pause_reason or ''
  return what .. ' is paused by ' .. hash.paused_by .. (reason ~= '' and ': ' .. reason or '.')
end

-- The endpoint says no to the account's key. Not if meanwhile there is a newer one.
local function note_refusal(name, code, fingerprint)
  local key = ACCOUNT .. name
  if (account(name).fingerprint or fingerprint) ~= fingerprint then return end
  local refusals = tonumber(account(name).refusals or 0) + 1
  set(key, 'refusals', refusals, 'refused_key', fingerprint)
  if refusals < REFUSALS or paused_until(account(name)) then return end
  local reason = 'The endpoint refused its API key ' .. refusals .. ' times in a row ('
                 .. code .. ').'
  know(name)
  pause(key, code, reason, 'facelift', '')
  tell('account_paused', reason, 'facelift', name)
end

-- The breaker: closed, open or half_open (one probe is under way)

local function is_closed() return (pool(ENDPOINT).breaker or 'closed') == 'closed' end

local function open_breaker(reason)
  local endpoint = pool(ENDPOINT)
  if is_closed() then  -- else a probe failed, and what opened it says more
    set(ENDPOINT, 'breaker_since', seconds(now), 'breaker_reason', reason)
    tell('breaker_opened', reason, 'facelift')
  end
  set(ENDPOINT, 'breaker', 'open', 'probe', '',
      'breaker_until', seconds(now + tonumber(endpoint.break_pause or 5)))
end

-- Whether `id` may pass, be it as the probe.
local function passes(id)
  local endpoint = pool(ENDPOINT)
  return is_closed() or endpoint.probe == id or tonumber(endpoint.breaker_until) <= now
end

-- `id` is the probe, for `patience` seconds; then it is another's turn.
local function make_probe(id, patience)
  set(ENDPOINT, 'probe', id, 'breaker_until', seconds(now + patience))
end

-- The probe ended without having asked the endpoint.
local function drop_probe(id)
  if is_closed() or pool(ENDPOINT).probe ~= id then return end
  set(ENDPOINT, 'probe', '', 'breaker_until', seconds(now))
  look_at_all_accounts()
end

local function bucket(ago)
  local length = tonumber(pool(ENDPOINT).break_window or 30) / BUCKETS
  return string.format('%.0f', math.floor(now / length) - ago)
end

local function note_health(field)
  local key = bucket(0) .. field
  if redis.call('HINCRBY', BREAKER_RESULTS, key, '1') == 1 then
    redis.call('EXPIRE', BREAKER_RESULTS, '7200')
    for _, old in ipairs(redis.call('HKEYS', BREAKER_RESULTS)) do
      if tonumber(string.match(old, '^%d+')) <= tonumber(bucket(BUCKETS)) then
        redis.call('HDEL', BREAKER_RESULTS, old)
      end
    end
  end
end

-- Requests that failed in the window, and all of them.
local function health()
  local failed, all = 0, 0
  for ago = 0, BUCKETS - 1 do
    local counts = redis.call('HMGET', BREAKER_RESULTS, bucket(ago) .. ':failed', bucket(ago) .. ':ok')
    failed = failed + tonumber(counts[1] or 0)
    all = all + tonumber(counts[1] or 0) + tonumber(counts[2] or 0)
  end
  return failed, all
end

local function note_failure(sentence)
  local endpoint = pool(ENDPOINT)
  local failures = tonumber(endpoint.failures or 0) + 1
  set(ENDPOINT, 'failures', failures)
  note_health(':failed')
  local failed, all = health()
  if failures >= tonumber(endpoint.break_failures or 10) then
    open_breaker(failures .. ' requests in a row failed; the last: ' .. sentence)
  elseif all >= LEAST_REQUESTS and failed / all >= tonumber(endpoint.break_share or 0.5) then
    open_breaker(failed .. ' of the last ' .. all .. ' requests failed; the last: ' .. sentence)
  end
end

-- The endpoint answered `id` as a working one does.
local function note_answer(id)
  local endpoint = pool(ENDPOINT)
  if is_closed() then
    if endpoint.failures then set(ENDPOINT, 'failures', '') end
    note_health(':ok')
  elseif endpoint.probe == id then
    local outage = now - tonumber(endpoint.breaker_since)
    local reason = string.format('The endpoint answers again, after %.0f s.', outage)
    redis.call('DEL', BREAKER_RESULTS)
    set(ENDPOINT, 'breaker', 'closed', 'breaker_since', seconds(now), 'breaker_reason', reason,
        'breaker_until', '', 'probe', '', 'failures', '', 'recovered_at', seconds(now))
    tell('breaker_closed', reason, 'facelift')
    look_at_all_accounts()
  end
end
