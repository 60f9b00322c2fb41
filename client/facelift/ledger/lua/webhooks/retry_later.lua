-- include: clock
-- A webhook failed: it is due again later, unless another worker acquired it since.
--
-- ARGV: now, job id, the attempt that failed, seconds until the next
-- Replies: 1 it is due again, 0 another worker has it, or it is over

local id, attempt = ARGV[2], ARGV[3]
if redis.call('HGET', '{facelift}:job:' .. id, 'webhook_attempts') ~= attempt then return 0 end
redis.call('ZADD', '{facelift}:webhooks', 'XX', timestamp(now + tonumber(ARGV[4])), id)
return 1
