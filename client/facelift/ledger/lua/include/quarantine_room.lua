-- include: quarantine

-- Whether a worker may run a job of the quarantine besides those that it runs.
local function has_quarantine_room(job, worker)
  local most, running = most_beside(job.quarantined, job.crashes), 1
  for _, other in ipairs(redis.call('SMEMBERS', '{facelift}:quarantine_running')) do
    local its = redis.call('HMGET', '{facelift}:job:' .. other, 'worker', 'quarantined', 'crashes')
    if its[1] == worker then
      running = running + 1
      most = math.min(most, most_beside(its[2], its[3]))
    end
  end
  return running == 1 or running <= most
end
