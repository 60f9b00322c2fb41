-- include: records
-- Remember a job that waits until its image store is back.
--
-- ARGV: now, job id, store
-- Replies: 1 it is remembered, 0 it does not wait any more

local id, store = ARGV[2], ARGV[3]
local job = load_job(id)
if not job or job.wait_reason ~= 'store_unavailable' then return 0 end
redis.call('ZADD', '{facelift}:store_queue:' .. store, job.created_at, id)
return 1
