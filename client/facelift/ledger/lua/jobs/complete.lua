-- include: attempts, check_keys, feedback, finish_job, leases, repeats
-- running -> succeeded | failed: record the outcome. If the chatbot is unsettled, a job that
-- succeeded is repeated later.
-- running -> waiting: a repeat, whose chatbot became unsettled anew.
--
-- ARGV: now, job id, lease token, state, outcome, message, HTTP status or '', attempt (JSON),
--       attempts it used up (0 or 1), feedback (see apply_feedback)
-- Replies: 1 recorded (or was before), 0 the lease is somebody else's

local id, token = ARGV[2], ARGV[3]
local state, outcome, message, status = ARGV[4], ARGV[5], ARGV[6], ARGV[7]
local job = load_job(id)
if not job then return 0 end
if gave_up_lease(job, token) then return 1 end
if not holds_lease(job, token) then return 0 end
check_keys(id, job)
local is_done = outcome == 'delivered' or outcome == 'removed'
local repeat_at, earlier
if is_done then repeat_at, earlier = unsettled_until(id, job) end
redis.call('XLEN', '{facelift}:outcomes')
redis.call('ZSCORE', '{facelift}:webhooks', id)
record_attempt(id, job, ARGV[8], ARGV[9])
apply_feedback(id, job, outcome, ARGV[10])
if job.settled == nil then job.settled = is_done end
if repeat_at and job.repeats then
  release_lock_and_permit(id, job)
  wait_until_settled(id, job, repeat_at, earlier)
  dispatch_chatbot(chatbot_of(job))
  dispatch_account(account_of(job))
else
  finish_job(id, job, state, outcome, message, status)
  if repeat_at then plan_repeat(id, job, repeat_at, earlier) end
end
return 1
