-- include: leave_account_queue, release_permit, tracking

-- For producers. A repeat is none of their jobs.
local function announce_outcome(id, job, state, outcome, message)
  local about = {}
  for _, name in ipairs({ 'asset', 'action', 'batch', 'idempotency_key', 'metadata' }) do
    if job[name] then about[#about + 1], about[#about + 2] = name, job[name] end
  end
  redis.call('XADD', '{facelift}:outcomes', 'MAXLEN', '~', '100000', '*', 'job', id,
             'state', state, 'outcome', outcome, 'chatbot_id', job.chatbot_id,
             'account', job.account or 'default', 'created_at', job.created_at,
             'finished_at', wall_text, 'message', message, unpack(about))
  if config().webhooks then redis.call('ZADD', '{facelift}:webhooks', now_text, id) end
  redis.call('HINCRBY', '{facelift}:counts', 'ended:' .. outcome, '1')
end

-- pending -> terminal, for this job alone
local function close_job(id, job, state, outcome, message, status)
  local key = '{facelift}:job:' .. id
  if job.repeats then
    redis.call('HDEL', '{facelift}:job:' .. job.repeats, 'repeat_at')
  else
    announce_outcome(id, job, state, outcome, message)
  end
  redis.call('HDEL', key, 'wait_reason', 'wait_until', 'lease_until', 'queued_at', 'history',
             'cancel_requested', 'image_checked', 'queue_position', 'image_sha256', 'flow',
             'shares', 'reported', 'sent_sha256', 'key_refused_at', 'refusal', 'quarantined',
             'quarantine_reason', 'crashed_at', 'quiet', 'clock_offset', 'sent_to')
  redis.call('HSET', key, 'state', state, 'outcome', outcome, 'message', message,
             'http_status', status or '', 'finished_at', wall_text)
  redis.call('EXPIRE', key, retention(state))
  redis.call('ZREM', '{facelift}:schedule', id)
  redis.call('ZREM', '{facelift}:chatbot_queue:' .. chatbot_of(job), id)
  leave_account_queue(id, job)
  release_lock_and_permit(id, job)
  if job.quarantined then
    redis.call('ZREM', '{facelift}:quarantined', id)
    redis.call('ZREM', '{facelift}:quarantine_queue', id)
  end
  change_state(id, job, state)
  if job.batch then
    local batch = '{facelift}:batch:' .. job.batch
    local pending = '{facelift}:batch_pending:' .. job.batch
    redis.call('HINCRBY', batch, 'code:' .. outcome, '1')
    redis.call('SREM', pending, id)
    if redis.call('EXISTS', pending) == 0 then
      redis.call('HSET', batch, 'finished_at', wall_text)
      redis.call('EXPIRE', batch, retention('batch'))
    end
    redis.call('PUBLISH', '{facelift}:batch_changes:' .. job.batch, state)
  end
end
