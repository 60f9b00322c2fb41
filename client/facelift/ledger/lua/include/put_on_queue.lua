-- include: able_workers, messages, permits, release_permit, tracking

local most_with_permit = 8

-- Send a job's message: to all workers, or to one that can run it if another could not (is_left, or
-- `sent_to` of its record). On a long queue of one worker it keeps no permit from other jobs.
local function send_to_worker(id, job, is_left)
  local chosen, shortest
  if is_left or job.sent_to then
    local found, live = able_workers(job)
    if is_left or #found < live then chosen, shortest = choose_worker(found) end
    if chosen then
      redis.call('HSET', '{facelift}:job:' .. id, 'sent_to', chosen, 'queued_at', now_text)
    elseif job.sent_to then
      redis.call('HDEL', '{facelift}:job:' .. id, 'sent_to')
    end
    job.sent_to = chosen
    if chosen and shortest >= most_with_permit then
      return_permit(id, account_of(job))
      release_lock_and_permit(id, job)
    end
  end
  send_message(id, chosen and '{facelift}:worker_queue:' .. chosen)
end

-- (new) | running | waiting -> queued
local function put_on_queue(id, job)
  local key = '{facelift}:job:' .. id
  if job.state then  -- it is not new
    redis.call('HDEL', key, 'wait_reason', 'wait_until', 'lease_until')
  end
  redis.call('HSET', key, 'state', 'queued', 'message', 'On its way to a worker.',
             'queued_at', now_text)
  change_state(id, job, 'queued')
  send_to_worker(id, job)  -- last: if Redis refuses the message, the scheduler sends it again
end
