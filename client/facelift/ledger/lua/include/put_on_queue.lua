-- include: messages, tracking

-- (new) | running | waiting -> queued
local function put_on_queue(id, job)
  local key = '{facelift}:job:' .. id
  if job.state then  -- it is not new
    redis.call('HDEL', key, 'wait_reason', 'wait_until', 'lease_until')
  end
  redis.call('HSET', key, 'state', 'queued', 'message', 'On its way to a worker.',
             'queued_at', now_text)
  change_state(id, job, 'queued')
  send_message(id)  -- last: if Redis refuses the message, the scheduler sends it again
end
