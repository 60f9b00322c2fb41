-- include: clock
-- Each worker has a queue of its own, for wake-up messages of jobs that others cannot run.

-- A worker is gone, or stops: the scheduler sends its messages to others.
local function close_worker_queue(worker)
  local key = '{facelift}:worker_queue:' .. worker
  for _, message in ipairs(redis.call('LRANGE', key, '0', '-1')) do
    local id = string.match(message, '"id": ?"([^"]+)"')
    if id then redis.call('ZADD', '{facelift}:schedule', 'XX', now_text, id) end
  end
  redis.call('DEL', key)
end
