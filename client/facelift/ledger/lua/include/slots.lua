-- include: pool_state
-- The slots of the pool: jobs that its live workers can run at once.

-- nil while no worker has sent a heartbeat.
local function slots() return tonumber(endpoint().slots or nil) end

-- Jobs that workers run.
local function busy_slots()
  return tonumber(redis.call('HGET', '{facelift}:counts', 'running') or 0)
end
