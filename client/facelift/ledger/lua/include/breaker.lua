-- include: clock, pool_state
-- The circuit breaker of the endpoint: closed, open, or half_open while a probe is in flight.

local function is_closed() return (endpoint().breaker or 'closed') == 'closed' end

-- Make a job the probe; after `seconds` without a result another job may be the probe.
local function start_probe(id, seconds)
  update('{facelift}:endpoint', { probe = id, breaker_until = timestamp(now + seconds) })
end
