-- include: clock, pool_state
-- What the last requests of an account say of it.
--
-- recent: its last 20 results, `x` for one that failed; absent if none of them did
-- took: milliseconds of its last 20 uploads that succeeded, newest first
-- slow_after: seconds after which a request is slow: four times what 90% of those took

local function append_result(name, mark)
  local it = account(name)
  local recent = it.recent or (mark == 'x' and string.rep('.', it.slow_after and 20 or 0)) or nil
  if not recent then return nil end
  recent = string.sub(recent .. mark, -20)
  return string.find(recent, 'x') and recent or ''
end

-- took and slow_after after one more success.
local function append_success(name, seconds)
  local took = string.format('%.0f', seconds * 1000)
  local times = { tonumber(took) }
  for time in string.gmatch(account(name).took or '', '%d+') do
    if #times == 20 then break end
    times[#times + 1] = tonumber(time)
    took = took .. ',' .. time
  end
  if #times < 3 then return took, '' end
  table.sort(times)
  return took, string.format('%.3f', 4 * times[math.floor(0.9 * (#times - 1)) + 1] / 1000)
end

-- Whether most of an account's last requests failed, or are slow in flight.
local function is_troubled(name)
  local it = account(name)
  local recent = it.recent or string.rep('.', it.slow_after and 20 or 0)
  local _, failed = string.gsub(recent, 'x', '')
  local slow_after = math.max(2, tonumber(it.slow_after or 0))
  local slow = redis.call('ZCOUNT', '{facelift}:running:' .. name, '-inf',
                          timestamp(now - slow_after))
  local results = #recent + slow
  return results >= 5 and failed + slow > results / 2
end
