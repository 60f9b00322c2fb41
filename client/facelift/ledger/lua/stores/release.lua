-- include: clock, records
-- Let jobs go on that wait for image stores from which the calling worker can read.
--
-- ARGV: now, how many of each store at most, store, ...
-- Replies: how many go on, the oldest first

local schedule, released = '{facelift}:schedule', 0
for i = 3, #ARGV do
  local key = '{facelift}:store_queue:' .. ARGV[i]
  if redis.call('EXISTS', key) == 1 then
    for _, id in ipairs(redis.call('ZRANGE', key, '0', tonumber(ARGV[2]) - 1)) do
      redis.call('ZREM', key, id)
      local job = load_job(id)
      if job and job.state == 'waiting' and job.wait_reason == 'store_unavailable' then
        redis.call('ZADD', schedule, now_text, id)
        released = released + 1
      end
    end
  end
end
return released
