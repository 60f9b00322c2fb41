-- include: all_accounts, breaker, rate, records

-- A request as a member of its account's rate window: a job may make two under one lease.
local function request_member(token, number) return token .. ':' .. number end

-- Release what a job holds of its chatbot and account. A request that it made is over, and leaves
-- the rate window one window from now at the latest.
local function release_lock_and_permit(id, job)
  local name, lock = account_of(job), '{facelift}:chatbot_lock:' .. job.chatbot_id
  if redis.call('GET', lock) == id then redis.call('DEL', lock) end
  redis.call('ZREM', '{facelift}:rate_window:' .. name, id)
  local _, window = rate(name)
  if window and job.lease_token then
    local at = timestamp(now + window)
    redis.call('ZADD', '{facelift}:rate_window:' .. name, 'XX', at,
               request_member(job.lease_token, 1), at, request_member(job.lease_token, 2))
  end
  if not is_closed() and endpoint().probe == id then  -- a probe that did not ask the endpoint
    update('{facelift}:endpoint', { probe = '', breaker_until = now_text })
    schedule_all_accounts()
  end
end
