-- Strike jobs from the index whose records are gone, and batches that are gone.
--
-- ARGV: now, cursor ('-' to begin with), how many entries to look at
-- Replies: cursor to go on with, '' at the end of the index

local most = tonumber(ARGV[3])
expect('stream', JOBS)
expect('zset', BATCHES)
local entries = redis.call('XRANGE', JOBS, ARGV[2], '+', 'COUNT', most)
for _, entry in ipairs(entries) do
  if redis.call('EXISTS', JOB .. entry[2][2]) == 0 then redis.call('XDEL', JOBS, entry[1]) end
end
for _, name in ipairs(redis.call('ZRANDMEMBER', BATCHES, most)) do
  if redis.call('EXISTS', BATCH .. name) == 0 then redis.call('ZREM', BATCHES, name) end
end
return #entries == most and '(' .. entries[#entries][1] or ''
