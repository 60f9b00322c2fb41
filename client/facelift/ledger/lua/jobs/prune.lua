-- include: clock
-- Remove jobs, batches and suspects from their indexes whose records expired, and requests from the
-- rate windows that they have left.
--
-- ARGV: now, cursor ('-' for the first page), entries to read
-- Replies: cursor of the next page, '' at the end of the index

local jobs, batches, most = '{facelift}:jobs', '{facelift}:batches', tonumber(ARGV[3])
for _, name in ipairs(redis.call('ZRANDMEMBER', batches, most)) do
  if redis.call('EXISTS', '{facelift}:batch:' .. name) == 0 then
    redis.call('ZREM', batches, name)
  end
end
-- Once a round: idle accounts.
if ARGV[2] == '-' then
  for _, name in ipairs(redis.call('SMEMBERS', '{facelift}:accounts')) do
    redis.call('ZREMRANGEBYSCORE', '{facelift}:rate_window:' .. name, '-inf', now_text)
    local suspects = '{facelift}:suspects:' .. name
    for _, chatbot in ipairs(redis.call('ZRANDMEMBER', suspects, 100)) do
      if redis.call('EXISTS', '{facelift}:suspect:' .. name .. ':' .. chatbot) == 0 then
        redis.call('ZREM', suspects, chatbot)
      end
    end
  end
end
local entries = redis.call('XRANGE', jobs, ARGV[2], '+', 'COUNT', most)
for _, entry in ipairs(entries) do
  if redis.call('EXISTS', '{facelift}:job:' .. entry[2][2]) == 0 then
    redis.call('XDEL', jobs, entry[1])
  end
end
return #entries == most and '(' .. entries[#entries][1] or ''
