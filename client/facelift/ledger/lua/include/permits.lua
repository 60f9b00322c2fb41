-- include: rate
-- Permits: one job, or one request, of an account's rate.

-- How much of its rate an account uses.
local function used_permits(name)
  redis.call('ZREMRANGEBYSCORE', '{facelift}:rate_window:' .. name, '-inf', now_text)
  return redis.call('ZCARD', '{facelift}:rate_window:' .. name) + used_elsewhere(name)
end

local function has_suspect_waiting(name)
  return redis.call('EXISTS', '{facelift}:suspect_queue:' .. name) == 1
end

-- Whether jobs wait in the account's queue.
local function has_waiting(name)
  return account(name).waiting ~= nil or has_suspect_waiting(name)
end

-- When the account may have its next permit: nil for now. A job whose flow is idle asks for no
-- spacing: one upload never pays for the burst of another flow.
local function next_permit_at(name, is_idle)
  local limit, window = rate(name)
  if not limit then return nil end
  local it, used = account(name), used_permits(name)
  if used >= limit then
    local leaves = used - limit  -- the rank of the member that makes room
    local member = redis.call('ZRANGE', '{facelift}:rate_window:' .. name, leaves, leaves,
                              'WITHSCORES')
    local at = math.min(tonumber(member[2] or math.huge), now + window)
    return used_elsewhere(name) > 0 and math.min(at, tonumber(it.used_elsewhere_until)) or at
  end
  if is_idle then return nil end
  -- Permits are spaced soon after a recovery, while suspects wait, and once half of them are used:
  -- a backlog does not come in bursts.
  local at = tonumber(it.next_permit_at or 0)
  local recovered = math.max(tonumber(it.quiet_until or 0), tonumber(it.recovered_at or 0),
                             tonumber(endpoint().recovered_at or 0))
  local is_spaced = used * 2 >= limit or now < recovered + window
  local has_suspect = has_suspect_waiting(name)
  if now < at and (has_suspect or is_spaced and it.waiting) then return at end
  return nil
end

-- Seconds between two permits: a hundredth more than even. A permit leaves the window a moment after
-- its turn, so the window would fill and make all wait for it.
local function spacing_of(limit, window) return 1.01 * window / limit end

-- Reserve a permit for a job. score: '3000000000000000' for one on the queue,
-- '2000000000000000' for one with a worker
local function reserve_permit(id, name, score)
  redis.call('ZADD', '{facelift}:rate_window:' .. name, score, id)
  local limit, window = rate(name)
  if not limit then return end
  local spacing = spacing_of(limit, window)
  -- One that is late may catch up by five permits.
  local from = math.max(tonumber(account(name).next_permit_at or 0), now - 5 * spacing)
  update('{facelift}:account:' .. name, { next_permit_at = timestamp(from + spacing) })
end

-- A job on the queue does not use its permit: another may have its turn.
local function return_permit(id, name)
  local limit, window = rate(name)
  if not limit or redis.call('ZREM', '{facelift}:rate_window:' .. name, id) == 0 then return end
  local at = tonumber(account(name).next_permit_at or 0) - spacing_of(limit, window)
  update('{facelift}:account:' .. name, { next_permit_at = timestamp(at) })
end
