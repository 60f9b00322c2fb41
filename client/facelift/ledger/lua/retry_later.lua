-- running -> waiting (or cancelled, if that was asked for meanwhile): try again later.
--
-- ARGV: now, job id, lease token, until, reason, message, HTTP status or '',
--       attempt (JSON), attempts it used up (0 or 1), answer (see apply_feedback)
-- Replies: 1 recorded (or was before), 0 the lease is somebody else's

local id, token, at, reason, message = ARGV[2], ARGV[3], tonumber(ARGV[4]), ARGV[5], ARGV[6]
local job = load(id)
if not job then return 0 end
if did(job, token) then return 1 end
if not owns(job, token) then return 0 end
note_attempt(id, job, ARGV[8])
redis.call('HINCRBY', JOB .. id, 'attempts_used', ARGV[9])
redis.call('HSET', JOB .. id, 'http_status', ARGV[7], 'seen', '1')
job.http_status = ARGV[7]
apply_feedback(id, job, reason, ARGV[10], reason == 'rate_limited' and at)
if job.cancel_requested then
  cancel(id, job)
  return 1
end
release_holdings(id, job)
if reason == 'rate_limited' then
  line_up(id, job, reason, message, at)
elseif reason == 'endpoint_down' then
  job.place = redis.call('INCR', GENERATION)  -- last: it may itself be what the endpoint trips over
  redis.call('HSET', JOB .. id, 'place', job.place)
  line_up(id, job, reason, message, now)
else
  wait(id, job, reason, message, at)
end
advance(job.chatbot_id)
send_ready(account_of(job))
return 1
