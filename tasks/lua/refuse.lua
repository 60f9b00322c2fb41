-- (none) -> failed: record a job that was asked for in a way that cannot be carried out.
--
-- ARGV: now, job id, outcome, message, then field, value, ... of the record
-- Replies: 1 recorded, 0 the id was known already

local id, outcome, message = ARGV[2], ARGV[3], ARGV[4]
if redis.call('EXISTS', job_key(id)) == 1 then return 0 end
redis.call('HSET', job_key(id), 'created_at', seconds(now), 'expires_at', seconds(now),
           unpack(ARGV, 5))
close(id, load(id), 'failed', outcome, message)
return 1
