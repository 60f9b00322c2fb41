-- queued -> running: take the job's lease.
--
-- ARGV: now, job id, lease token, lease in seconds, worker
-- Replies: {'acquired', {field, value, ...}}
--          {'unknown'}                   no record: malformed, or expired long ago
--          {'ended', state}              terminal: a duplicate, or past its deadline just now
--          {'leased'}                    somebody runs it
--          {'waiting', reason, message, until}  not its turn
--          {'unknown_schema', version}     a newer release's: for a worker that knows it

local id, token, lease, worker = ARGV[2], ARGV[3], tonumber(ARGV[4]), ARGV[5]
local job = load(id)
if not job then return { 'unknown' } end
if not is_pending(job.state) then return { 'ended', job.state } end
if owns(job, token) then return { 'acquired', redis.call('HGETALL', JOB .. id) } end
if job.state == 'running' then return { 'leased' } end
if tonumber(job.expires_at) <= now then
  expire(id, job)
  return { 'ended', 'expired' }
end

local name = account_of(job)
if job.version ~= SCHEMA_VERSION then
  release_holdings(id, job)  -- it keeps no other from its turn; the schedule sends it again
  send_ready(name)
  return { 'unknown_schema', job.version or '' }
end
if job.state == 'queued' then
  local reason, message = obstacle(id, job)
  if reason then
    wait(id, job, reason, message, NEVER)
    release_holdings(id, job)
    send_ready(name)
  elseif not redis.call('ZSCORE', RATE_WINDOW .. name, id) then
    local at
    reason, message, at = hindrance(id, name)
    if reason and (job.seen or redis.call('LLEN', QUEUE) >= EARLY) then
      line_up(id, job, reason, message, at)
    end
  end
end
if job.state == 'waiting' then
  job = load(id)
  return { 'waiting', job.wait_reason, job.message, job.wait_until }
end

local lease_until = seconds(now + lease)
redis.call('HDEL', JOB .. id, 'queued_at')
redis.call('HSET', JOB .. id, 'state', 'running', 'worker', worker, 'started_at', seconds(now),
           'lease_token', token, 'lease_until', lease_until, 'message', 'A worker is on it.')
enter(id, job, 'running')
redis.call('SET', CHATBOT_LOCK .. job.chatbot_id, id)
redis.call('ZADD', SCHEDULE, lease_until, id)
redis.call('ZADD', RATE_WINDOW .. name, 'XX', CLAIMED, id)
send_ready(name)  -- its place on the queue is free
return { 'acquired', redis.call('HGETALL', JOB .. id) }
