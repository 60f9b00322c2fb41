-- running -> running: keep the leases of a worker's jobs, all in one call.
--
-- ARGV: now, lease in seconds, then job id, lease token, ...
-- Replies: the tokens of the leases that were lost

local lease_until = seconds(now + tonumber(ARGV[2]))
local lost = {}
for i = 3, #ARGV, 2 do
  local id, token = ARGV[i], ARGV[i + 1]
  local is_record = redis.call('TYPE', JOB .. id).ok == 'hash'
  local held = is_record and redis.call('HMGET', JOB .. id, 'state', 'lease_token') or {}
  if held[1] == 'running' and held[2] == token then
    redis.call('HSET', JOB .. id, 'lease_until', lease_until)
    redis.call('ZADD', SCHEDULE, lease_until, id)
  else
    lost[#lost + 1] = token
  end
end
return lost
