-- include: clock, tracking

-- queued | running | waiting -> waiting, until an event or until `at` (ledger time): by default the
-- deadline.
local function wait(id, job, reason, message, at)
  local key = '{facelift}:job:' .. id
  local deadline = tonumber(job.expires_at) + clock_offset
  at = math.min(at or deadline, deadline)
  redis.call('ZADD', '{facelift}:schedule', timestamp(at), id)
  redis.call('HDEL', key, 'lease_until', 'queued_at')
  redis.call('HSET', key, 'state', 'waiting', 'wait_reason', reason, 'wait_until', timestamp(at - clock_offset),
             'message', message)
  change_state(id, job, 'waiting', reason)
end
