-- include: clock

-- Until when an account, or the endpoint, is paused (hash); nil if it is not.
local function paused_until(hash)
  local at = hash.paused and tonumber(hash.paused_until or 1e11)  -- the year 5138
  return at and at > now and at or nil
end
