-- include: chatbot_jobs, clock
-- Remove jobs, batches and suspects from their indexes whose records expired, and requests from the
-- rate windows that they have left. Forget accounts whose API key no worker has, once no job of
-- theirs waits.
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
    local is_idle = redis.call('EXISTS', '{facelift}:account_queue:' .. name,
                               '{facelift}:suspect_queue:' .. name,
                               '{facelift}:running:' .. name,
                               '{facelift}:rate_window:' .. name) == 0
    if is_idle and redis.call('HEXISTS', '{facelift}:account:' .. name, 'fingerprint') == 0 then
      redis.call('SREM', '{facelift}:accounts', name)
      redis.call('DEL', '{facelift}:account:' .. name)
    end
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
    redis.call('ZREM', chatbot_jobs_key(entry[2][4]),
               sortable_entry(entry[1]))
    redis.call('XDEL', jobs, entry[1])
  end
end
return #entries == most and '(' .. entries[#entries][1] or ''
