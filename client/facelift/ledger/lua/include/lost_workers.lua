-- include: events, pool_state
-- Workers that were lost, and what they ran: the evidence against jobs. `lost_worker` is kept for a
-- day: a worker that was only frozen or cut off may return.

-- The jobs that a worker runs, and how many of them are in quarantine.
local function jobs_of(worker)
  local jobs, suspects = {}, 0
  for _, name in ipairs(redis.call('SMEMBERS', '{facelift}:accounts')) do
    for _, id in ipairs(redis.call('ZRANGE', '{facelift}:running:' .. name, '0', '-1')) do
      local its = redis.call('HMGET', '{facelift}:job:' .. id, 'worker', 'quarantined')
      if its[1] == worker then
        jobs[#jobs + 1] = id
        suspects = suspects + (its[2] and 1 or 0)
      end
    end
  end
  return jobs, suspects
end

-- Note that a worker was lost, unless that is known. Returns what is known. If none of its jobs is
-- suspected so far, it may be the node's doing: what was held against others counts no more.
local function note_loss(worker, how)
  local key = '{facelift}:lost_worker:' .. worker
  local loss = read_hash(key)
  if loss.jobs or loss.stopping then return loss end
  local found, suspects = jobs_of(worker)
  local jobs = #found
  local is_unexplained = suspects == 0 and jobs ~= 1
  update('{facelift}:endpoint', {
    loss_at = now_text, unexplained_loss_at = is_unexplained and now_text or nil,
    suspects_lost_at = jobs > 0 and now_text or nil })
  if jobs > 0 then
    local ran = jobs == 1 and 'a job, which runs apart from others until it is delivered.'
                or jobs .. ' jobs, which run apart from others until they are delivered.'
    record_event('worker_lost', 'Worker ' .. worker .. ' was lost with ' .. ran, 'facelift')
  end
  loss = { jobs = jobs, suspects = suspects, how = how }
  redis.call('HSET', key, 'jobs', jobs, 'suspects', suspects, 'how', how)
  redis.call('EXPIRE', key, '86400')
  return loss
end
