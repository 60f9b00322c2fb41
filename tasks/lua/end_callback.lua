-- A callback arrived, or is given up.
--
-- ARGV: now, job id
-- Replies: nothing

local id = ARGV[2]
expect('hash', JOB .. id)
redis.call('ZREM', CALLBACKS, id)
redis.call('HDEL', JOB .. id, 'callback_tries')
