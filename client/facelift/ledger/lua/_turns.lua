-- Whose turn it is: among the pictures of a chatbot, and among the jobs of an account.
--
-- A job is sent to the queue when its account has a slot for it; the others wait in the
-- account's lane. So the queue is always short, and a busy account delays no other.

local SHARE = 16     -- messages of one account on the queue
local EARLY = 8      -- messages on the queue below which a picture is looked at before its turn
local CATCH_UP = 5   -- slots by which a release may lag behind and make up for it
local UNCLAIMED = '3000000000000000'  -- score of a slot that a job on the queue has not used yet
local CLAIMED = '2000000000000000'    -- the same of a job that a worker has
local RATE_WINDOW_KEPT = '3600'
local MARGIN = 0.005 -- seconds by which the endpoint's clock may run ahead of ours in a window

-- What keeps a job from running among those of its chatbot: a reason and a sentence, or nil.
local function obstacle(id, job)
  if newest(job.chatbot_id) ~= id then
    return 'newer_upload', 'A newer picture of this chatbot goes first.'
  end
  local running = holder(job.chatbot_id)
  if running and running ~= id then
    return 'chatbot_busy', 'An earlier upload of this chatbot is in flight.'
  end
  return nil
end

-- state -> waiting, until a time or an event
local function wait(id, job, reason, message, at)
  at = math.min(at, tonumber(job.expires_at))
  redis.call('HDEL', JOB .. id, 'lease_until', 'queued_at')
  redis.call('HSET', JOB .. id, 'state', 'waiting', 'wait_reason', reason,
             'wait_until', seconds(at), 'message', message)
  redis.call('ZADD', SCHEDULE, seconds(at), id)
  enter(id, job, 'waiting', reason)
end

-- Each message has its own delivery tag; Celery keeps unacknowledged ones by it.
local function send(id)
  local message = string.gsub(ENVELOPE, '@(%u+)@', {
    ID = id, TAG = id .. '.' .. string.format('%.0f', now * 1000000), SENT = seconds(now) })
  redis.call('ZADD', SCHEDULE, seconds(now + RESEND), id)
  expect('list', QUEUE)
  redis.call('LPUSH', QUEUE, message)  -- last: if it is refused, the schedule sends it again
end

-- state -> queued
local function queue(id, job)
  if job.state then  -- it is not new
    redis.call('HDEL', JOB .. id, 'wait_reason', 'wait_until', 'lease_until')
  end
  redis.call('HSET', JOB .. id, 'state', 'queued', 'message', 'On its way to a worker.',
             'queued_at', seconds(now))
  enter(id, job, 'queued')
  send(id)
end

-- The account's rate: requests and seconds, or nil if it has none.
local function rate(name)
  local it = account(name)
  local limit = tonumber(it.limit or 0)
  if limit == 0 then return nil end
  if it.vendor_limit and tonumber(it.vendor_until) > now then
    limit = math.min(limit, tonumber(it.vendor_limit))
  end
  return limit, tonumber(it.window) + MARGIN
end

-- Slots that others use of the same key, as the endpoint told.
local function foreign(name)
  local it = account(name)
  if it.foreign and tonumber(it.foreign_until) > now then return tonumber(it.foreign) end
  return 0
end

local function used_permits(name)
  redis.call('ZREMRANGEBYSCORE', RATE_WINDOW .. name, '-inf', seconds(now))
  return redis.call('ZCARD', RATE_WINDOW .. name) + foreign(name)
end

-- Whether slots are to be given one at a time: soon after a recovery, and when half of them
-- are used, so that a backlog does not come in bursts.
local function is_spaced(name, used, limit, window)
  local recovered = math.max(tonumber(account(name).quiet_until or 0),
                             tonumber(pool(ENDPOINT).recovered_at or 0))
  return used * 2 >= limit or now < recovered + window
end

-- When the account's rate has room for another request: nil for now.
local function next_permit(name)
  local limit, window = rate(name)
  if not limit then return nil end
  local used = used_permits(name)
  if used >= limit then
    local last = used - limit  -- to leave, until there is room
    local at = tonumber(redis.call('ZRANGE', RATE_WINDOW .. name, last, last, 'WITHSCORES')[2] or NEVER)
    if foreign(name) > 0 then at = math.min(at, tonumber(account(name).foreign_until)) end
    return math.min(at, now + window)
  end
  local at = tonumber(account(name).next_at or 0)
  if now < at and is_spaced(name, used, limit, window)
     and redis.call('EXISTS', ACCOUNT_QUEUE .. name) == 1 then
    return at
  end
  return nil
end

local function outage()
  local endpoint = pool(ENDPOINT)
  return 'endpoint_down', 'The endpoint is down; it is tried every few seconds. '
         .. (endpoint.breaker_reason or ''), tonumber(endpoint.breaker_until)
end

-- What keeps the jobs of an account from the endpoint: a reason, a sentence and when it may
-- be over; or nil.
local function closed_gate(id, name)
  local everything, it = pool(ENDPOINT), account(name)
  local at = paused_until(everything)
  if at then return 'all_paused', sentence_of_pause(everything, 'Everything'), at end
  at = paused_until(it)
  if at then return 'account_paused', sentence_of_pause(it, 'The account ' .. name), at end
  if tonumber(it.quiet_until or 0) > now then
    return 'rate_limited', 'The endpoint asked for a pause.', tonumber(it.quiet_until)
  end
  if not passes(id) then return outage() end
  return nil
end

-- The same, and what keeps one more of them from the queue.
local function hindrance(id, name)
  local reason, message, at = closed_gate(id, name)
  if reason then return reason, message, at end
  at = next_permit(name)
  if at then return 'rate_limited', 'Its account has used up its rate for the moment.', at end
  if redis.call('ZCOUNT', RATE_WINDOW .. name, UNCLAIMED, UNCLAIMED) >= SHARE then
    return 'backlog', 'Earlier jobs of its account go first.', now + 1
  end
  return nil
end

local function reserve(id, name, score)
  redis.call('ZADD', RATE_WINDOW .. name, score, id)
  redis.call('EXPIRE', RATE_WINDOW .. name, RATE_WINDOW_KEPT)
  local limit, window = rate(name)
  if limit then
    local spacing = window / limit
    local from = math.max(tonumber(account(name).next_at or 0), now - CATCH_UP * spacing)
    set(ACCOUNT .. name, 'next_at', seconds(from + spacing))
  end
  if not is_closed() then make_probe(id, IN_FLIGHT) end
end

-- Jobs that wait may be many, and Redis keeps a hash small only while its values are short;
-- `look` tells more.
local BRIEF = { all_paused = 'Everything is paused.', account_paused = 'Its account is paused.',
                endpoint_down = 'The endpoint is down.' }

-- state -> waiting in the lane of its account
local function line_up(id, job, reason, message, at)
  local name = account_of(job)
  wait(id, job, reason, BRIEF[reason] or message, NEVER)
  redis.call('ZADD', ACCOUNT_QUEUE .. name, job.place or job.generation, id)
  know(name)
  look_at_account(name, at)
end

-- state -> queued, or waiting for the turn of its account
local function settle(id, job)
  local name = account_of(job)
  local reason, message, at = hindrance(id, name)
  if not reason and redis.call('EXISTS', ACCOUNT_QUEUE .. name) == 1 then
    reason, message, at = 'backlog', 'Earlier jobs of its account go first.', now
  end
  if not reason then
    reserve(id, name, UNCLAIMED)
    queue(id, job)
  elseif not job.seen and redis.call('LLEN', QUEUE) < EARLY then
    queue(id, job)  -- a bad picture is told at once, also while its account is paused
  else
    line_up(id, job, reason, message, at)
  end
end

-- state -> queued, or waiting for its turn
local function route(id, job)
  local reason, message = obstacle(id, job)
  if reason then
    wait(id, job, reason, message, NEVER)
  else
    settle(id, job)
  end
end

-- Send what the lane of an account may send by now.
local function send_ready(name)
  for _ = 1, SHARE do
    local id = redis.call('ZRANGE', ACCOUNT_QUEUE .. name, '0', '0')[1]
    if not id then
      redis.call('ZREM', SCHEDULE, 'account:' .. name)
      return
    end
    local reason, _, at = hindrance(id, name)
    if reason then
      look_at_account(name, at)
      return
    end
    redis.call('ZREM', ACCOUNT_QUEUE .. name, id)
    local job = load(id)
    if job and job.state == 'waiting' then  -- else somebody edited keys by hand
      local in_turn, message = obstacle(id, job)
      if in_turn then
        wait(id, job, in_turn, message, NEVER)
      else
        reserve(id, name, UNCLAIMED)
        queue(id, job)
      end
    end
  end
  look_at_account(name, now)
end

-- A request of a job, as the account's slots name it: a job may make two under one lease.
local function request_of(token, number) return token .. ':' .. number end

-- Give up what a job holds of its chatbot and its account. A request that it made is over,
-- and counts from now on at the latest.
local function release_holdings(id, job)
  if redis.call('GET', CHATBOT_LOCK .. job.chatbot_id) == id then
    redis.call('DEL', CHATBOT_LOCK .. job.chatbot_id)
  end
  local name = account_of(job)
  redis.call('ZREM', RATE_WINDOW .. name, id)
  local _, window = rate(name)
  if window and job.lease_token then
    for number = 1, 2 do
      redis.call('ZADD', RATE_WINDOW .. name, 'XX', seconds(now + window),
                 request_of(job.lease_token, number))
    end
  end
  drop_probe(id)
end

-- Take back slots of jobs that are gone: somebody edited keys by hand.
local function repair_permits(name)
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', RATE_WINDOW .. name, CLAIMED, UNCLAIMED)) do
    local state = redis.call('HGET', JOB .. id, 'state')
    if state ~= 'queued' and state ~= 'running' then redis.call('ZREM', RATE_WINDOW .. name, id) end
  end
end
