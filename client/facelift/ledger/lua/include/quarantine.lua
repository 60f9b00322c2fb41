-- include: pool_state, wait
-- Jobs that a worker ran when it was lost: any of them may have ended it. A worker runs ten of them
-- at once; those of ten that were lost with another worker run by threes, and those of three alone.
-- So each further loss says more exactly which job it was. Every three seconds without one, twice as
-- many may run, but later those that were lost again.

local quarantine_queue = '{facelift}:quarantine_queue'

-- Have the scheduler dispatch the quarantine at a time, or before.
local function schedule_quarantine(at)
  redis.call('ZADD', '{facelift}:schedule', 'LT', timestamp(at), 'quarantine')
end

-- queued | running -> waiting until the quarantine has room, and not before a time.
local function wait_in_quarantine(id, job, at)
  redis.call('ZADD', quarantine_queue, timestamp(at), id)
  schedule_quarantine(at)
  wait(id, job, 'quarantined', job.quarantine_reason)
end

-- How many jobs of the quarantine a worker may run, if this is one of them.
local function most_beside(quarantined, crashes)
  crashes = tonumber(crashes or 0)
  if not quarantined or crashes > 1 then return 1 end
  local quiet = math.max(0, now - tonumber(endpoint().suspects_lost_at or 0))
  return math.max(1, math.floor((crashes == 1 and 0.1 or tonumber(quarantined)) * 2 ^ math.min(8, math.floor(quiet / 3))))
end
