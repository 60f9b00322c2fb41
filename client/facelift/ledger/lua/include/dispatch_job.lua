-- include: account_turn, join_account_queue, put_on_queue

-- state -> queued, or waiting in its account's queue
local function dispatch_job(id, job)
  local name = account_of(job)
  local reason, message, at = blocked_from_queue(id, name)
  if not reason and redis.call('ZCARD', '{facelift}:account_queue:' .. name) > 0 then
    reason, message, at = 'backlog', 'Earlier jobs of its account go first.', now
  end
  if not reason then
    reserve_permit(id, name, '3000000000000000')
    put_on_queue(id, job)
  elseif not job.image_checked and redis.call('LLEN', '@QUEUE@') < 8 then
    put_on_queue(id, job)  -- without a permit: a bad image fails at once, also during a pause
  else
    join_account_queue(id, job, reason, message, at)
  end
end
