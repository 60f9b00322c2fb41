-- include: lost_workers, quarantine
-- A worker that was lost sends a heartbeat again: none of its jobs had ended it.

local function clear(id, what)
  local key, job = '{facelift}:job:' .. id, load_job(id)
  if not job or not is_pending(job.state) then return end
  if what == 'crash' and job.crashes then redis.call('HINCRBY', key, 'crashes', '-1') end
  local left = redis.call('HINCRBY', key, 'lost_leases', '-1')
  if left <= 0 then
    redis.call('HDEL', key, 'lost_leases', 'crashes', 'crashed_at', 'quiet', 'quarantined',
               'quarantine_reason')
    redis.call('ZREM', '{facelift}:quarantined', id)
    redis.call('SREM', '{facelift}:quarantine_running', id)
  end
  if job.wait_reason == 'quarantined' then
    redis.call('ZADD', quarantine_queue, now_text, id)
    schedule_quarantine(now)
  end
end

local function clear_loss(worker)
  local key = '{facelift}:lost_worker:' .. worker
  local loss = read_hash(key)
  if not loss.jobs or loss.stopping then return end
  redis.call('DEL', key)
  for field, what in pairs(loss) do
    local id = string.match(field, '^job:(.+)$')
    if id then clear(id, what) end
  end
  record_event('worker_returned', 'Worker ' .. worker .. ' sends heartbeats again.', 'facelift')
end
