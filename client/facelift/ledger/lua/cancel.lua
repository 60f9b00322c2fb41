-- queued | waiting -> cancelled; a running job is asked to stop at its next gate.
--
-- ARGV: now, job id
-- Replies: 'cancelled', 'requested' (it runs: its picture may still be delivered),
--          'ended' (too late), 'unknown'

local id = ARGV[2]
local job = load(id)
if not job then return 'unknown' end
if not is_pending(job.state) then return 'ended' end
if job.state == 'running' then
  redis.call('HSET', JOB .. id, 'cancel_requested', '1')
  return 'requested'
end
cancel(id, job)
return 'cancelled'
