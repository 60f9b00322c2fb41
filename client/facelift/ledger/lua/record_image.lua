-- What a pending job's image hashed to at the first look, for the next one.
--
-- ARGV: now, job id, SHA-256
-- Replies: nothing

local id = ARGV[2]
local job = load(id)
if job and is_pending(job.state) then
  redis.call('HSETNX', JOB .. id, 'image_sha256', ARGV[3])
end
