-- include: clock
-- running -> running: renew the leases of a worker's jobs, all in one call.
--
-- ARGV: now, lease in seconds, then job id, lease token, ...
-- Replies: the tokens of the leases that were lost

local lease_until = timestamp(now + tonumber(ARGV[2]))
local lost = {}
for i = 3, #ARGV, 2 do
  local id, token = ARGV[i], ARGV[i + 1]
  local held = redis.pcall('HMGET', '{facelift}:job:' .. id, 'state', 'lease_token')
  if held[1] == 'running' and held[2] == token then
    redis.call('ZADD', '{facelift}:schedule', lease_until, id)
    redis.call('HSET', '{facelift}:job:' .. id, 'lease_until', lease_until)
  else
    lost[#lost + 1] = token
  end
end
return lost
