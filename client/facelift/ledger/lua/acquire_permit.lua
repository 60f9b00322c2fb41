-- running -> running | waiting | cancelled | expired: the last gate before the request.
--
-- ARGV: now, job id, lease token, lease in seconds, seconds a request may take, number of the
--       request under this lease (1 or 2)
-- Replies: {'go', left, admitted, throttles}  slots left to the account, requests it was ever
--                                       let through, pauses it was asked for in a row
--          {'lost'}                      the lease is somebody else's
--          {'ended', state}              cancelled, or past its deadline
--          {'waiting', reason, message, until}  a newer picture of the chatbot came in, or it
--                                       is not the account's turn

local id, token, lease, longest = ARGV[2], ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])
local request = request_of(token, ARGV[6])
local job = load(id)
if not job or not owns(job, token) then return { 'lost' } end
if job.cancel_requested then
  cancel(id, job)
  return { 'ended', 'cancelled' }
end
if tonumber(job.expires_at) <= now then
  expire(id, job)
  return { 'ended', 'expired' }
end

local name = account_of(job)
local reason, message = obstacle(id, job)
if reason then
  wait(id, job, reason, message, NEVER)
  release_holdings(id, job)
  advance(job.chatbot_id)
  send_ready(name)
  return { 'waiting', reason, message, job.expires_at }
end

local is_known = redis.call('ZSCORE', RATE_WINDOW .. name, request)  -- the reply was lost
local is_reserved = redis.call('ZSCORE', RATE_WINDOW .. name, id)
local at
if is_reserved then
  reason, message, at = closed_gate(id, name)
elseif not is_known then
  reason, message, at = hindrance(id, name)
  if not reason and ARGV[6] == '1' and redis.call('EXISTS', ACCOUNT_QUEUE .. name) == 1 then
    reason, message, at = 'backlog', 'Earlier jobs of its account go first.', now
  end
end
if reason then
  redis.call('HSET', JOB .. id, 'seen', '1')
  release_holdings(id, job)
  line_up(id, job, reason, message, at)
  send_ready(name)
  return { 'waiting', reason, message, job.expires_at }
end

if not is_known then
  if not is_reserved then reserve(id, name, CLAIMED) end
  local _, window = rate(name)
  redis.call('ZREM', RATE_WINDOW .. name, id)
  if window then
    redis.call('ZADD', RATE_WINDOW .. name, seconds(now + longest + window), request)
    set(ACCOUNT .. name, 'admitted', tonumber(account(name).admitted or 0) + 1)
  end
  if not is_closed() then
    set(ENDPOINT, 'breaker', 'half_open')
    make_probe(id, longest)
  end
end
local lease_until = seconds(now + lease)
redis.call('HSET', JOB .. id, 'lease_until', lease_until)
redis.call('ZADD', SCHEDULE, lease_until, id)
local limit = rate(name)
return { 'go', limit and limit - used_permits(name) + foreign(name) or '',
         account(name).admitted or '0', account(name).throttles or '0' }
