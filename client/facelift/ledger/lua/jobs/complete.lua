-- include: attempts, check_keys, feedback, finish_job, leases
-- running -> succeeded | failed: record the outcome.
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
redis.call('XLEN', '{facelift}:outcomes')
redis.call('ZSCORE', '{facelift}:webhooks', id)
record_attempt(id, job, ARGV[8], ARGV[9])
apply_feedback(id, job, outcome, ARGV[10])
finish_job(id, job, state, outcome, message, status)
return 1
