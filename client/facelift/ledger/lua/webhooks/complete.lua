-- A webhook was delivered, or is given up: remove it.
--
-- ARGV: now, job id
-- Replies: nothing

redis.call('HDEL', '{facelift}:job:' .. ARGV[2], 'webhook_attempts')
redis.call('ZREM', '{facelift}:webhooks', ARGV[2])
