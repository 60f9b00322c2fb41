-- include: api_keys, breaker, rate, records, unsettled

-- A request as a member of its account's rate window: a job may make two under one lease.
local function request_member(token, number) return token .. ':' .. number end

-- Release what a job holds of its chatbot, account and breakers. A request that it made is over,
-- and leaves the rate window one window from now at the latest.
local function release_lock_and_permit(id, job)
  local name, lock = account_of(job), '{facelift}:chatbot_lock:' .. chatbot_of(job)
  if redis.call('GET', lock) == id then redis.call('DEL', lock) end
  redis.call('ZREM', '{facelift}:rate_window:' .. name, id)
  mark_unsettled(name, id, job)
  redis.call('ZREM', '{facelift}:running:' .. name, id)
  if job.quarantined and redis.call('SREM', '{facelift}:quarantine_running', id) == 1
     and redis.call('EXISTS', '{facelift}:quarantine_queue') == 1 then
    redis.call('ZADD', '{facelift}:schedule', 'LT', now_text, 'quarantine')
  end
  if job.suspect then
    redis.call('SREM', '{facelift}:suspects_running:' .. name, id)
    redis.call('HDEL', '{facelift}:job:' .. id, 'suspect')
    job.suspect = nil
  end
  local _, window = rate(name)
  if window and job.lease_token and not clock_stands then
    local at = timestamp(now + window)
    redis.call('ZADD', '{facelift}:rate_window:' .. name, 'XX', 'LT', at,
               request_member(job.lease_token, 1), at, request_member(job.lease_token, 2))
  end
  end_key_probe(name, id, job)
  if not job.probe then return end
  redis.call('HDEL', '{facelift}:job:' .. id, 'probe')
  local key = open_breaker(name)
  if key and job.probe == '1' then  -- a probe that did not ask the endpoint: another goes at once
    update(key, { breaker = 'open', breaker_until = now_text })
    if key == endpoint_key then
      redis.call('ZADD', '{facelift}:schedule', now_text, 'endpoint')
    else
      schedule_account(name, now)
    end
  end
  job.probe = nil
end
