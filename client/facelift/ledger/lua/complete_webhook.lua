-- A webhook arrived, or is given up.
--
-- ARGV: now, job id
-- Replies: nothing

local id = ARGV[2]
expect('hash', JOB .. id)
redis.call('ZREM', WEBHOOKS, id)
redis.call('HDEL', JOB .. id, 'webhook_tries')
