-- include: clock, pool_state
-- Circuit breakers: one for the endpoint, one for each account; each in the hash of `key`. A
-- breaker is closed, open, or half_open while a probe is in flight.

local endpoint_key = '{facelift}:endpoint'

local function is_closed(key) return (pool_hash(key).breaker or 'closed') == 'closed' end

-- The breaker that keeps an account's jobs from the endpoint, by its key; nil if none does.
local function open_breaker(name)
  if not is_closed(endpoint_key) then return endpoint_key end
  local key = '{facelift}:account:' .. name
  return not is_closed(key) and key or nil
end

local function outage_age(key) return now - tonumber(pool_hash(key).breaker_since or now) end

-- The next probe goes after a tenth of the outage's age, within bounds.
local function schedule_probe(key)
  local least = tonumber(config().breaker_pause or 1)
  local pause = math.min(math.max(30, least), math.max(least, outage_age(key) / 10))
  update(key, { breaker_until = timestamp(now + pause) })
  if key == endpoint_key then
    redis.call('ZADD', '{facelift}:schedule', timestamp(now + pause), 'endpoint')
  end
end

-- Make a job a probe of a breaker.
local function start_probe(key, id, job)
  job.probe = '1'
  redis.call('HSET', '{facelift}:job:' .. id, 'probe', '1')
  update(key, { breaker = 'half_open' })
end

-- Whether a fresh arrival may probe at once: three may at the start, then one in every tenth of the
-- outage's age, three seconds at least.
local function take_arrival(key)
  local it = pool_hash(key)
  local every = math.max(3, outage_age(key) / 10)
  local earned = (now - tonumber(it.arrivals_at or it.breaker_since or now)) / every
  local left = math.min(3, tonumber(it.arrivals or 3) + earned)
  if left < 1 then return false end
  update(key, { arrivals = string.format('%.3f', left - 1), arrivals_at = now_text })
  return true
end
