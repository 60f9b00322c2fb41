-- include: account_turn, accounts, chatbot_order, put_on_queue, wait

-- Send what an account's queue may send by now.
local function dispatch_account(name)
  for _ = 1, 16 do
    local id = redis.call('ZRANGE', '{facelift}:account_queue:' .. name, '0', '0')[1]
    if not id then
      redis.call('ZREM', '{facelift}:schedule', 'account:' .. name)
      return
    end
    local blocked, _, at = blocked_from_queue(id, name)
    if blocked then
      schedule_account(name, at)
      return
    end
    redis.call('ZREM', '{facelift}:account_queue:' .. name, id)
    local is_readable, job = pcall(load_job, id)
    if not is_readable then
      -- The scheduler reports it; the others go on.
      redis.call('ZADD', '{facelift}:schedule', timestamp(now + 10), id)
    elseif job and job.state == 'waiting' then  -- else somebody edited keys by hand
      local reason, message = blocked_by_chatbot(id, job)
      if reason then
        wait(id, job, reason, message)
      else
        reserve_permit(id, name, '3000000000000000')
        put_on_queue(id, job)
      end
    end
  end
  schedule_account(name, now)
end
