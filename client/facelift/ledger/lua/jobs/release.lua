-- include: dispatch_in_order, give_up, leases
-- running -> queued | waiting: a stopping worker releases the lease, as if it never had it.
-- running -> cancelled: if that was requested meanwhile.
--
-- ARGV: now, job id, lease token
-- Replies: 1 released (or was before), 0 the lease is somebody else's

local id, token = ARGV[2], ARGV[3]
local released = 'released:' .. token  -- no lease: a result that comes after it is not recorded
local job = load_job(id)
if not job then return 0 end
if gave_up_lease(job, released) then return 1 end
if not holds_lease(job, token) then return 0 end
check_keys(id, job)
release_lock_and_permit(id, job)
redis.call('HSET', '{facelift}:job:' .. id, 'lease_token', released)
if job.cancel_requested then
  give_up(id, job, 'cancelled')
else
  dispatch_in_order(id, job)
  dispatch_chatbot(chatbot_of(job))
  dispatch_account(account_of(job))
end
return 1
