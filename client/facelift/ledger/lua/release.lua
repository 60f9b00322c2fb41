-- running -> queued: a stopping worker gives the job to another, as if never claimed.
--
-- ARGV: now, job id, lease token
-- Replies: 1 handed back (or was before), 0 the lease is somebody else's

local id, token = ARGV[2], ARGV[3]
local job = load(id)
if not job then return 0 end
if did(job, token) then return 1 end
if not owns(job, token) then return 0 end
release_holdings(id, job)
if job.cancel_requested then
  cancel(id, job)
else
  route(id, job)
  advance(job.chatbot_id)
  send_ready(account_of(job))
end
return 1
