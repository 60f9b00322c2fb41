-- include: dispatch_in_order, finish_job, quarantine, recover_lost_lease
-- Who of the quarantine runs next.

-- How many of its jobs live workers run.
local function count_quarantine_running()
  local running, count = '{facelift}:quarantine_running', 0
  for _, id in ipairs(redis.call('SMEMBERS', running)) do
    local its = redis.call('HMGET', '{facelift}:job:' .. id, 'state', 'worker')
    if its[1] ~= 'running' then  -- somebody edited keys by hand
      redis.call('SREM', running, id)
    else
      local seen_at = redis.call('HGET', '{facelift}:worker:' .. its[2], 'seen_at')
      if seen_at and tonumber(seen_at) > now - surely_lost_after then count = count + 1 end
    end
  end
  return count
end

-- Until when a job waits that was the only suspect of a loss: no worker may have been lost for some
-- time. nil if it need not wait.
local function quiet_until(job)
  if not job.quiet then return nil end
  local at = tonumber(endpoint().loss_at or 0) + tonumber(job.quiet)
  return at > now and at or nil
end

-- Send jobs of the quarantine, as many as the workers may run, and end the one that was found.
-- Returns how many it ended.
local function check_quarantine()
  local workers = math.max(1, redis.call('ZCOUNT', '{facelift}:workers', now_text, '+inf'))
  local running, ended = count_quarantine_running(), 0
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', quarantine_queue, '-inf', now_text,
                                 'LIMIT', '0', '100')) do
    local is_readable, job = pcall(load_job, id)
    local waits = is_readable and job and job.wait_reason == 'quarantined'
    local at = waits and quiet_until(job)
    if not waits then
      redis.call('ZREM', quarantine_queue, id)
    elseif tonumber(job.crashes or 0) >= most_crashes then
      ended = ended + 1
      finish_job(id, job, 'failed', 'crash_loop', job.crashes .. ' workers were lost while they ran '
                 .. 'this job, and no other job that may have ended them; it is not tried again.')
    elseif at then
      redis.call('ZADD', quarantine_queue, timestamp(at), id)
    elseif not job.quarantined or running < workers * most_beside(job.quarantined, job.crashes) then
      redis.call('ZREM', quarantine_queue, id)
      running = running + 1
      dispatch_in_order(id, job)
    end
  end
  local first = redis.call('ZRANGE', quarantine_queue, '0', '0', 'WITHSCORES')[2]
  if first then
    redis.call('ZADD', '{facelift}:schedule', timestamp(math.max(tonumber(first), now + 0.5)),
               'quarantine')
  else
    redis.call('ZREM', '{facelift}:schedule', 'quarantine')
  end
  return ended
end
