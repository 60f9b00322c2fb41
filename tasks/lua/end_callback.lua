-- A callback arrived, or is given up.
--
-- ARGV: now, job id
-- Replies: nothing

local id = ARGV[2]
expect('hash', job_key(id))
redis.call('ZREM', CALLBACKS, id)
redis.call('HDEL', job_key(id), 'callback_tries')
