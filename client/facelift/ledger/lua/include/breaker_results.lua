-- include: clock, pool_state
-- Answers and failures of the endpoint, counted in six buckets that make up the breaker's window.

-- The bucket of now, or an earlier one.
local function bucket(ago, window)
  return string.format('%.0f', math.floor(now / (window / 6)) - ago)
end

-- outcome: 'ok' or 'failed'
local function count_result(outcome)
  local key = '{facelift}:breaker_results'
  local window = tonumber(config().breaker_window or 30)
  if redis.call('HINCRBY', key, bucket(0, window) .. ':' .. outcome, '1') > 1 then return end
  redis.call('EXPIRE', key, '7200')
  for _, field in ipairs(redis.call('HKEYS', key)) do
    if tonumber(string.match(field, '^%d+')) <= tonumber(bucket(6, window)) then
      redis.call('HDEL', key, field)
    end
  end
end
