-- include: clock, tracking

-- queued | running | waiting -> waiting, until an event or until `at`: by default the deadline.
local function wait(id, job, reason, message, at)
  local key = '{facelift}:job:' .. id
  at = at and timestamp(math.min(at, tonumber(job.expires_at))) or job.expires_at
  redis.call('ZADD', '{facelift}:schedule', at, id)
  redis.call('HDEL', key, 'lease_until', 'queued_at')
  redis.call('HSET', key, 'state', 'waiting', 'wait_reason', reason, 'wait_until', at,
             'message', message)
  change_state(id, job, 'waiting', reason)
end
