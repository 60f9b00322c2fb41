-- include: returned_worker, worker_queues
-- A worker's heartbeat; workers without one are forgotten. The slots of the live ones are added
-- up.
--
-- ARGV: now, name, seconds for which it is remembered (0: it leaves), seconds since it began,
--       seconds since it last polled for a job, then field, value, ...
-- Replies: the generation of the pool's settings, 0 before any

local name, kept = ARGV[2], tonumber(ARGV[3])
local workers, key = '{facelift}:workers', '{facelift}:worker:' .. name
for _, other in ipairs(redis.call('ZRANGEBYSCORE', workers, '-inf', now_text)) do
  redis.call('ZREM', workers, other)
  if other ~= name then
    note_loss(other, 'lost')
    close_worker_queue(other)
  end
end
if kept == 0 then
  redis.call('DEL', key, '{facelift}:worker_keys:' .. name, '{facelift}:worker_settings:' .. name)
  redis.call('ZREM', workers, name)
  close_worker_queue(name)
else
  clear_loss(name)
  redis.call('HSET', key, 'seen_at', now_text, 'since', timestamp(wall - tonumber(ARGV[4])),
             'last_poll_at', timestamp(now - tonumber(ARGV[5])), unpack(ARGV, 6))
  redis.call('ZADD', workers, timestamp(now + kept), name)
  -- Longer than needed: the clock may be set.
  redis.call('EXPIRE', key, kept + 7200)
  redis.call('EXPIRE', workers, kept + 7200)
end
local slots = 0
for _, other in ipairs(redis.call('ZRANGE', workers, '0', '-1')) do
  slots = slots + tonumber(redis.call('HGET', '{facelift}:worker:' .. other, 'slots') or 0)
end
if slots ~= tonumber(endpoint().slots or 0) then
  update('{facelift}:endpoint', { slots = slots > 0 and slots or '' })
end
return tonumber(redis.call('HGET', '{facelift}:config', 'generation') or 0)
