-- include: account_turn, chatbot_order, join_account_queue, put_on_queue, share_key, trouble, unknown_jobs
-- Who of an account's queue goes next, and when.

local function take_suspect(name)
  return redis.call('ZPOPMIN', '{facelift}:suspect_queue:' .. name)[1]
end

-- Suspects go every fifth time, or when nobody else waits. While there is trouble, every second
-- fresh job is the newest.
local function take_next(name)
  local key, it = '{facelift}:account:' .. name, account(name)
  local turn = tonumber(it.turn or 0)
  local has_suspect = has_suspect_waiting(name)
  if has_suspect and (not it.waiting or turn >= 4) and suspects_have_room(name) then
    update(key, { turn = '' })
    return take_suspect(name)
  end
  if not it.waiting then return nil end
  local has_trouble = is_troubled(name)
  if has_suspect or has_trouble then update(key, { turn = turn + 1 }) end
  return take_from_flows(name, has_trouble and turn % 2 == 1)
end

-- A probe is the newest or a random fresh job in turn, never the oldest: those may all be sick.
local function take_probe(name)
  local turn = tonumber(account(name).probes or 0)
  update('{facelift}:account:' .. name, { probes = turn + 1 })
  return take_from_any_flow(name, turn % 2 == 0) or take_suspect(name)
end

-- Reserve a permit for a job and send its message. suspect: whether its chatbot is one.
local function send(id, job, suspect)
  local name = account_of(job)
  if suspect then
    redis.call('HSET', '{facelift}:job:' .. id, 'suspect', '1')
    redis.call('SADD', '{facelift}:suspects_running:' .. name, id)
  end
  if needs_key_probe(name) then start_key_probe(name, id, job) end
  reserve_permit(id, name, '3000000000000000')
  put_on_queue(id, job)
end

-- Send a job that was taken from an account's queue, as a probe of a breaker if `key` is given.
-- Whether it was sent; if not, it waits elsewhere.
local function send_taken(id, name, key)
  local is_readable, job = pcall(load_job, id)
  if not is_readable then
    -- The scheduler reports it; the others go on.
    redis.call('ZADD', '{facelift}:schedule', timestamp(now + 10), id)
    return false
  end
  if not job or job.state ~= 'waiting' then return false end  -- somebody edited keys by hand
  settle_account(id, job)
  local reason, message = blocked_by_chatbot(id, job)
  if is_unknown(job) then
    wait_for_able_worker(id, job, 'unknown_account')
  elseif account_of(job) ~= name then
    join_account_queue(id, job, 'backlog', 'Earlier jobs of its account go first.', now)
  elseif reason then
    wait(id, job, reason, message)
  else
    if key then start_probe(key, id, job) end
    send(id, job, is_suspect(name, job))
    return true
  end
  return false
end

-- Send what an account's queue may send by now.
local function dispatch_account(name)
  for _ = 1, 16 do
    if not has_waiting(name) then
      redis.call('ZREM', '{facelift}:schedule', 'account:' .. name)
      return
    end
    local blocked, key, _, at
    if not account(name).shares then  -- else its jobs only move to the queue that it shares
      blocked, _, at = blocked_from_queue(name)
      key = not blocked and open_breaker(name) or nil
      if key == endpoint_key then
        redis.call('ZREM', '{facelift}:schedule', 'account:' .. name)  -- see probe_endpoint
        return
      end
      if key then
        at = tonumber(pool_hash(key).breaker_until or 0)
        blocked = at > now
      end
    end
    if blocked then
      schedule_account(name, at)
      return
    end
    local id
    if key or needs_key_probe(name) then id = take_probe(name) else id = take_next(name) end
    if not id then
      schedule_account(name, now + 1)  -- suspects wait for a slot
      return
    end
    if send_taken(id, name, key) and key then schedule_probe(key) end
  end
  schedule_account(name, now)
end

-- Send the next probe of the endpoint's breaker, of any account.
local function probe_endpoint()
  local it = endpoint()
  if is_closed(endpoint_key) then
    redis.call('ZREM', '{facelift}:schedule', 'endpoint')
    return
  end
  local at = tonumber(it.breaker_until or 0)
  if at <= now then
    local names = redis.call('SMEMBERS', '{facelift}:accounts')
    local first = math.floor(now * 1000) % math.max(1, #names)
    for i = 1, #names do
      local name = names[(first + i) % #names + 1]
      for _ = 1, 4 do
        if not has_waiting(name) or blocked_from_queue(name) then break end
        local id = take_probe(name)
        if id and send_taken(id, name, endpoint_key) then
          schedule_probe(endpoint_key)
          return
        end
      end
    end
    at = now + 1
  end
  redis.call('ZADD', '{facelift}:schedule', timestamp(at), 'endpoint')
end
