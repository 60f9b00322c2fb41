-- include: lost_workers, worker_queues
-- Note how a worker ends. `stopping`: in good order; what it may leave behind is no evidence
-- against a job. `gone`: its process has ended for certain; its leases end now.
--
-- ARGV: now, worker, `stopping` or `gone`
-- Replies: nothing

local worker = ARGV[2]
local key = '{facelift}:lost_worker:' .. worker
close_worker_queue(worker)
if ARGV[3] == 'stopping' then
  redis.call('HSET', key, 'stopping', '1')
  redis.call('EXPIRE', key, '86400')
  return
end
note_loss(worker, 'gone')
for _, id in ipairs((jobs_of(worker))) do
  redis.call('HSET', '{facelift}:job:' .. id, 'lease_until', now_text)
  redis.call('ZADD', '{facelift}:schedule', now_text, id)
end
