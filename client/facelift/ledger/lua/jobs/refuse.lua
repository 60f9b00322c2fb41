-- include: close_job, create_record
-- (none) -> failed: record a job that cannot be carried out.
--
-- ARGV: now, job id, outcome, message, then field, value, ... of the record
-- Replies: 1 recorded, 0 the id is known already

local id, outcome, message = ARGV[2], ARGV[3], ARGV[4]
if redis.call('EXISTS', '{facelift}:job:' .. id) == 1 then return 0 end
close_job(id, create_record(id, 5, 0), 'failed', outcome, message)
return 1
