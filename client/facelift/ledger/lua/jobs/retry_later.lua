-- include: attempts, feedback, give_up, leases
-- running -> waiting: try again later. running -> cancelled: if that was requested meanwhile.
--
-- ARGV: now, job id, lease token, until (wall time, had the clock not been set since the job was
--       acquired), reason, message, HTTP status or '', attempt (JSON),
--       attempts it used up (0 or 1), feedback (see apply_feedback), the image store for whose
--       return it waits or ''
-- Replies: 1 recorded (or was before), 0 the lease is somebody else's

local id, token, reason, message = ARGV[2], ARGV[3], ARGV[5], ARGV[6]
local key = '{facelift}:job:' .. id
local job = load_job(id)
if not job then return 0 end
if gave_up_lease(job, token) then return 1 end
if not holds_lease(job, token) then return 0 end
check_keys(id, job)
local store_queue = ARGV[11] ~= '' and '{facelift}:store_queue:' .. ARGV[11]
if store_queue then redis.call('ZCARD', store_queue) end
local at = tonumber(ARGV[4]) + tonumber(job.clock_offset or 0)
record_attempt(id, job, ARGV[8], ARGV[9])
redis.call('HSET', key, 'http_status', ARGV[7], 'image_checked', '1')
job.http_status = ARGV[7]
apply_feedback(id, job, reason, ARGV[10], reason == 'rate_limited' and at)
if job.cancel_requested then
  give_up(id, job, 'cancelled')
  return 1
end
release_lock_and_permit(id, job)
if reason == 'account_paused' then  -- its API key was refused
  local why, sentence, over = blocked_by_account(account_of(job))
  join_account_queue(id, job, why or 'backlog', sentence or message, over or now)
elseif reason == 'rate_limited' then
  join_account_queue(id, job, reason, message, at)
else
  wait(id, job, reason, message, at)
  if store_queue then redis.call('ZADD', store_queue, job.created_at, id) end
end
dispatch_chatbot(chatbot_of(job))
dispatch_account(account_of(job))
return 1
