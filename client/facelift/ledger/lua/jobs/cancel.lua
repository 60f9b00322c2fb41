-- include: give_up
-- queued | waiting -> cancelled. A running job is cancelled at its worker's next check.
--
-- ARGV: now, job id
-- Replies: 'cancelled' (now or before), 'requested' (it runs: its image may still be delivered),
--          'ended' (too late), 'unknown'

local id = ARGV[2]
local job = load_job(id)
if not job then return 'unknown' end
if job.state == 'cancelled' then return 'cancelled' end
if not is_pending(job.state) then return 'ended' end
if job.state == 'running' then
  redis.call('HSET', '{facelift}:job:' .. id, 'cancel_requested', '1')
  return 'requested'
end
give_up(id, job, 'cancelled')
return 'cancelled'
