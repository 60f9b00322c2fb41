-- include: clock, pool_state
-- The rate of an account. Its rate window is a sorted set of what uses the rate, by the time at
-- which it leaves the window: requests, and permits reserved for jobs. The score of a job on the
-- queue is 3e15, that of a job with a worker 2e15.

-- The endpoint counts a request within so many seconds of its permit, answered or not: requests
-- that it never answers do not use up the rate for as long as they last.
local counted_within = 1

-- Requests, and the seconds of their window; nil if the account has no rate.
local function rate(name)
  local registered = account(name)
  local limit = tonumber(registered.limit or 0)
  if limit == 0 then return nil end
  if registered.vendor_limit and tonumber(registered.vendor_until) > now then
    limit = math.min(limit, tonumber(registered.vendor_limit))
  end
  return limit, tonumber(registered.window) + 0.005  -- the endpoint's clock may be ahead of ours
end

-- Requests that others make with the same key, as the endpoint's headers showed.
local function used_elsewhere(name)
  local it = account(name)
  local is_known = it.used_elsewhere and tonumber(it.used_elsewhere_until) > now
  return is_known and tonumber(it.used_elsewhere) or 0
end
