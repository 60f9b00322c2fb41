-- include: account_turn, dispatch_account

-- state -> queued, or waiting in its account's queue
local function dispatch_job(id, job)
  settle_account(id, job)
  if is_unknown(job) then
    wait_for_able_worker(id, job, 'unknown_account')
    return
  end
  local name = account_of(job)
  if is_suspect(name, job) then
    join_account_queue(id, job, 'backlog', '', now)
    dispatch_account(name)
    return
  end
  local is_idle = is_idle_flow(name, job)
  local reason, message, at = blocked_from_queue(name, is_idle)
  local key = not reason and open_breaker(name)
  if key then
    if not job.history and take_arrival(key) then
      start_probe(key, id, job)
    else
      reason, message, at = blocked_by_breaker(name)
    end
  elseif not reason and not is_idle then
    reason, message, at = 'backlog', 'Earlier jobs of its account go first.', now
  end
  if not reason then
    use_turn(name, job)
    send(id, job, false)
  elseif not job.image_checked and not job.action and redis.call('LLEN', '@QUEUE@') < 8
         and not fills_share(name, on_queue(name)) then
    put_on_queue(id, job)  -- without a permit: a bad image fails at once, also during a pause
  else
    join_account_queue(id, job, reason, message, at)
  end
end
