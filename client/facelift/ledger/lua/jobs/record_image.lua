-- include: records
-- Record the hash of a pending job's image when it is first read; a later attempt compares.
--
-- ARGV: now, job id, SHA-256
-- Replies: nothing

local id = ARGV[2]
local key = '{facelift}:job:' .. id
if is_pending(redis.call('HGET', key, 'state')) then
  redis.call('HSETNX', key, 'image_sha256', ARGV[3])
end
