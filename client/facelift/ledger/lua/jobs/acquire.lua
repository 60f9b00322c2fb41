-- include: choose_key, give_up, leases, quarantine, quarantine_room
-- queued -> running: acquire the job's lease.
-- queued -> waiting: it is not the job's turn, no live worker can run it, or the worker has no API
--                    key for it that works.
-- queued -> queued: another worker can run it, and gets its message.
-- queued | waiting -> expired | failed: its deadline passed.
--
-- ARGV: now, job id, lease token, lease in seconds, worker, schema version of this release
-- Replies: {'acquired', {field, value, ...}}
--          {'unknown'}                   no record: a malformed message, or it expired long ago
--          {'ended', state}              terminal: a duplicate, or past its deadline just now
--          {'leased'}                    another worker runs it
--          {'waiting', reason, message, until, account}  account: '' unless the job is left to a
--              worker with another API key of it
--          {'unknown_schema', version}   for a worker of a newer release

local id, token, lease, worker, version = ARGV[2], ARGV[3], tonumber(ARGV[4]), ARGV[5], ARGV[6]
local key = '{facelift}:job:' .. id
local job = load_job(id)
if not job then return { 'unknown' } end
if not is_pending(job.state) then return { 'ended', job.state } end
if holds_lease(job, token) then return { 'acquired', redis.call('HGETALL', key) } end
if job.state == 'running' then return { 'leased' } end
if tonumber(job.expires_at) <= wall then
  return { 'ended', give_up(id, job, 'expired') }
end

local name, leaves_it = account_of(job), nil
-- Whether a live worker has an API key that may be tried, and this one has not.
local function is_for_another()
  local held = redis.call('HGET', '{facelift}:worker_keys:' .. worker, own_account(job))
  return held and not choose_key(account_of(job), job, words(held)) and has_usable_key(name)
end

if job.version ~= version then
  release_lock_and_permit(id, job)  -- other jobs go on; the scheduler sends its message again
  dispatch_account(name)
  return { 'unknown_schema', job.version or '' }
end
if job.state == 'queued' then
  local reason, message = blocked_by_chatbot(id, job)
  local lacks = is_unknown(job) and 'unknown_account' or lacking(worker, job)
  if reason then
    wait(id, job, reason, message)
    release_lock_and_permit(id, job)
    dispatch_account(name)
  elseif lacks and #(able_workers(job)) > 0 then
    send_to_worker(id, job, true)
    dispatch_account(name)
    return { 'waiting', 'backlog', 'Another worker can run it.', now_text, '' }
  elseif lacks then
    wait_for_able_worker(id, job, lacks)
    release_lock_and_permit(id, job)
    dispatch_account(name)
  elseif is_for_another() then
    leave_to_another(id, job)
    leaves_it = account(name).working_key and own_account(job)
  elseif job.quarantined and not has_quarantine_room(job, worker) then
    wait_in_quarantine(id, job, now + 0.5)
    release_lock_and_permit(id, job)
    dispatch_account(name)
  elseif not redis.call('ZSCORE', '{facelift}:rate_window:' .. name, id) then
    local at
    reason, message, at = blocked_from_queue(name)
    if not reason then reason, message, at = blocked_by_breaker(name) end
    if reason
       and (job.image_checked or job.action or redis.call('LLEN', '@QUEUE@') >= 8
            or fills_share(name, on_queue(name))) then
      join_account_queue(id, job, reason, message, at)
    end
  end
end
if job.state == 'waiting' then
  job = load_job(id)
  return { 'waiting', job.wait_reason, job.message, job.wait_until, leaves_it or '' }
end

if job.quarantined then redis.call('SADD', '{facelift}:quarantine_running', id) end
local lease_until = timestamp(now + lease)
redis.call('ZADD', '{facelift}:schedule', lease_until, id)
redis.call('HDEL', key, 'queued_at', 'sent_sha256')
redis.call('HSET', key, 'state', 'running', 'worker', worker, 'started_at', wall_text,
           'lease_token', token, 'lease_until', lease_until, 'message', 'A worker is on it.')
if clock_offset ~= 0 or job.clock_offset then redis.call('HSET', key, 'clock_offset', clock_offset) end
change_state(id, job, 'running')
redis.call('SET', '{facelift}:chatbot_lock:' .. chatbot_of(job), id)
redis.call('ZADD', '{facelift}:running:' .. name, '9000000000000000', id)
redis.call('ZADD', '{facelift}:rate_window:' .. name, 'XX', '2000000000000000', id)
dispatch_account(name)  -- it made room on the queue
return { 'acquired', redis.call('HGETALL', key) }
