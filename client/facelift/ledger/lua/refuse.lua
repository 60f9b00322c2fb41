-- (none) -> failed: record a job that was asked for in a way that cannot be carried out.
--
-- ARGV: now, job id, outcome, message, then field, value, ... of the record
-- Replies: 1 recorded, 0 the id was known already

local id, outcome, message = ARGV[2], ARGV[3], ARGV[4]
if redis.call('EXISTS', JOB .. id) == 1 then return 0 end
local job = create(id, 5, 0)
close(id, job, 'failed', outcome, message)
return 1
