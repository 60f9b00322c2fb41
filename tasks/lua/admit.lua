-- running -> running | waiting | cancelled | expired: the last gate before the request.
--
-- ARGV: now, job id, lease token, lease in seconds
-- Replies: {'go'}
--          {'lost'}                      the lease is somebody else's
--          {'ended', state}              cancelled, or past its deadline
--          {'waiting', reason, message, until}  a newer picture of the chatbot came in

local id, token, lease = ARGV[2], ARGV[3], tonumber(ARGV[4])
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
local reason, message = obstacle(id, job)
if reason then
  wait(id, job, reason, message, tonumber(job.expires_at))
  let_go(id, job.chatbot_id)
  advance(job.chatbot_id)
  return { 'waiting', reason, message, seconds(tonumber(job.expires_at)) }
end
local lease_until = seconds(now + lease)
redis.call('HSET', job_key(id), 'lease_until', lease_until)
redis.call('ZADD', AGENDA, lease_until, id)
return { 'go' }
