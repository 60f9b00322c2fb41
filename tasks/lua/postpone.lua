-- running -> waiting (or cancelled, if that was asked for meanwhile): try again later.
--
-- ARGV: now, job id, lease token, until, reason, message, HTTP status or '',
--       attempt (JSON), attempts it used up (0 or 1)
-- Replies: 1 recorded (or was before), 0 the lease is somebody else's

local id, token, at, reason, message = ARGV[2], ARGV[3], tonumber(ARGV[4]), ARGV[5], ARGV[6]
local job = load(id)
if not job then return 0 end
if did(job, token) then return 1 end
if not owns(job, token) then return 0 end
note_attempt(id, ARGV[8])
redis.call('HINCRBY', job_key(id), 'attempts_used', ARGV[9])
redis.call('HSET', job_key(id), 'http_status', ARGV[7])
job.http_status = ARGV[7]
if job.cancel_requested then
  cancel(id, job)
  return 1
end
wait(id, job, reason, message, at)
let_go(id, job.chatbot_id)
advance(job.chatbot_id)
return 1
