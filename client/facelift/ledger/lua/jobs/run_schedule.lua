-- include: check_quarantine, join_chatbot_queue
-- Handle the jobs and accounts that are due.
--
--   waiting -> queued     its time has come (or it waits on, for others of its chatbot)
--   running -> waiting    its lease was lost with its worker: it is in quarantine
--   waiting -> queued     the quarantine has room for it
--   waiting -> failed     three workers were lost, and no other job may have ended them
--   queued  -> queued     its message was lost: send it again
--   queued | waiting -> expired
--   waiting -> failed     no worker can run it, for too long
--
-- ARGV: now, how many at most
-- Replies: {seconds until the next is due or '', {event (JSON), ...}, sent, recovered,
--           crash loops, resent, expired}: events that no worker has logged yet, oldest first;
--           then counts

local schedule = '{facelift}:schedule'
local due = redis.call('ZRANGEBYSCORE', schedule, '-inf', now_text, 'LIMIT', '0', ARGV[2])
local sent, recovered, crash_loops, resent, expired = 0, 0, 0, 0, 0

-- The queue is first in, first out: whatever was sent before its oldest message has been taken
-- from it. A message that is not ours proves nothing.
local function oldest_sent_on(queue)
  local oldest = redis.call('LINDEX', queue, '-1')
  return oldest and tonumber(string.match(oldest, '"sent_at": ?([%d.]+)') or 0) or math.huge
end
local oldest_sent_to_all = oldest_sent_on('@QUEUE@')

local function check_message(id, job)
  local queued_at, oldest_sent, is_lost = tonumber(job.queued_at), oldest_sent_to_all, false
  if job.sent_to then
    oldest_sent = oldest_sent_on('{facelift}:worker_queue:' .. job.sent_to)
    is_lost = not takes_jobs(job.sent_to)
    if not is_lost and is_silent(job.sent_to) then
      local found = able_workers(job)
      local _, _, is_last_resort = choose_worker(found)
      is_lost = not is_last_resort
    end
  end
  -- A worker acquires it within 5 s.
  if is_lost or queued_at < oldest_sent and queued_at + 5 <= now then
    resent = resent + 1
    redis.call('HSET', '{facelift}:job:' .. id, 'queued_at', now_text)
    send_to_worker(id, job)
  else
    -- The further from the queue's end, the later it is checked again.
    local delay = math.max(10, math.min(queued_at - oldest_sent, 120))
    redis.call('ZADD', schedule, timestamp(now + delay), id)
  end
end

-- Remove permits of jobs that are gone: somebody edited keys by hand.
local function remove_stale_permits(name)
  local key = '{facelift}:rate_window:' .. name
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', key, '2000000000000000', '3000000000000000')) do
    local state = redis.call('HGET', '{facelift}:job:' .. id, 'state')
    if state ~= 'queued' and state ~= 'running' then redis.call('ZREM', key, id) end
  end
end

-- Whether a live worker can run a job. Without live workers, whether one ever registered its account.
local function is_known(job)
  local found, live = able_workers(job)
  return #found > 0 or live == 0 and not is_unknown(job)
end

-- Dispatch jobs that a worker can run by now, some at a time.
local function check_unknown_jobs()
  local queue = '{facelift}:unknown_jobs'
  local from = tonumber(config().unknown_checked or 0)
  local found = redis.call('ZRANGEBYSCORE', queue, '(' .. from, '+inf', 'WITHSCORES',
                           'LIMIT', '0', '100')
  for i = 1, #found, 2 do
    local job = load_job(found[i])
    if not job or job.state ~= 'waiting' then
      redis.call('ZREM', queue, found[i])
    elseif is_known(job) then
      redis.call('ZREM', queue, found[i])
      dispatch_in_order(found[i], job)
    end
  end
  local is_done = #found < 200
  update('{facelift}:config', { unknown_checked = is_done and '' or found[#found] })
  if is_done then
    redis.call('ZREM', schedule, 'unknown_jobs')
  else
    redis.call('ZADD', schedule, now_text, 'unknown_jobs')
  end
end

local function refuse_unknown(id, job)
  local _, live = able_workers(job)
  if live == 0 then return wait_for_able_worker(id, job, job.wait_reason) end
  check_keys(id, job)
  local message = 'The workers hold no API key for the account \'' .. own_account(job) .. '\'.'
  if job.wait_reason == 'unknown_store' then
    message = 'The workers know no image store \'' .. store_of(job) .. '\'.'
  end
  finish_job(id, job, 'failed', job.wait_reason, message)
end

-- After a step of the clock: handle jobs earlier whose deadline, or for which the time that a producer
-- gave, comes earlier now; some at a time, the latest first.
local function move_deadlines()
  local key = '{facelift}:clock'
  local from = redis.call('HGET', key, 'moved') or 'inf'
  local found = redis.call('ZREVRANGEBYSCORE', schedule, from, '-inf', 'WITHSCORES',
                           'LIMIT', '0', '200')
  for i = 1, #found, 2 do
    local job = load_job(found[i])
    if job and job.expires_at and job.state ~= 'running' then
      local scheduled = job.wait_reason == 'scheduled' and job.not_before
      local at = tonumber(scheduled or job.expires_at) + clock_offset
      if at < tonumber(found[i + 1]) then
        redis.call('ZADD', schedule, timestamp(at), found[i])
        if job.wait_until then
          redis.call('HSET', '{facelift}:job:' .. found[i], 'wait_until', timestamp(at - clock_offset))
        end
      end
    end
  end
  local last = found[#found]
  if #found < 400 then
    redis.call('HDEL', key, 'moved')
    redis.call('ZREM', schedule, 'clock')
  else
    redis.call('HSET', key, 'moved', last == from and '(' .. last or last)
    redis.call('ZADD', schedule, now_text, 'clock')
  end
end

local function handle(id)
  local kind, name = string.match(id, '^(%a+):(.+)$')
  if kind == 'account' then
    remove_stale_permits(name)
    dispatch_account(name)
    return
  elseif kind == 'superseding' then
    local job = load_job(name)
    if job then
      supersede_older(name, job)
      dispatch_chatbot(chatbot_of(job))
    else
      redis.call('ZREM', schedule, id)
    end
    return
  elseif id == 'endpoint' then
    return probe_endpoint()
  elseif id == 'clock' then
    return move_deadlines()
  elseif id == 'unknown_jobs' then
    return check_unknown_jobs()
  elseif id == 'quarantine' then
    crash_loops = crash_loops + check_quarantine()
    return
  end
  local job = load_job(id)
  if not job or not is_pending(job.state) then
    redis.call('ZREM', schedule, id)
  elseif job.state == 'running' then
    if tonumber(job.lease_until) <= now then
      recovered = recovered + 1
      recover_lost_lease(id, job)
    else
      redis.call('ZADD', schedule, job.lease_until, id)
    end
  elseif tonumber(job.expires_at) <= wall then
    expired = expired + 1
    give_up(id, job, 'expired')
  elseif job.wait_reason == 'scheduled' and tonumber(job.not_before) > wall then
    wait(id, job, 'scheduled', job.message, tonumber(job.not_before) + clock_offset)
  elseif job.state == 'queued' then
    check_message(id, job)
  elseif (job.wait_reason == 'unknown_account' or job.wait_reason == 'unknown_store')
         and not is_known(job) then
    refuse_unknown(id, job)
  else
    if not job.generation then join_chatbot_queue(id, job) end
    leave_account_queue(id, job)
    sent = sent + 1
    dispatch_in_order(id, job)
  end
end

-- One job that cannot be read must not keep the others from being handled.
local problem
for _, id in ipairs(due) do
  local is_handled, why = pcall(handle, id)
  if not is_handled then
    problem = why
    redis.call('ZADD', schedule, timestamp(now + 10), id)
  end
end
if problem then error(problem) end

local next_due = redis.call('ZRANGE', schedule, '0', '0', 'WITHSCORES')[2]
local events = {}
for _, event in ipairs(redis.call('LRANGE', '{facelift}:unlogged_events', '0', '-1')) do
  table.insert(events, 1, event)
end
redis.call('DEL', '{facelift}:unlogged_events')
return { next_due and timestamp(math.max(0, tonumber(next_due) - now)) or '', events,
         sent, recovered, crash_loops, resent, expired }
