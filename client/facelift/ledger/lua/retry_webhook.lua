-- A webhook did not arrive: try again later, unless somebody tried since.
--
-- ARGV: now, job id, the try that failed, seconds until the next
-- Replies: 1 postponed, 0 another worker has it, or it is over

local id, tried = ARGV[2], ARGV[3]
expect('hash', JOB .. id)
if redis.call('HGET', JOB .. id, 'webhook_tries') ~= tried then return 0 end
redis.call('ZADD', WEBHOOKS, 'XX', seconds(now + tonumber(ARGV[4])), id)
return 1
