-- The tick: look at the jobs whose time has come.
--
--   waiting -> queued     its time has come (or waits on, behind its chatbot's newest)
--   running -> queued     its lease ran out: its worker is lost
--   running -> failed     the same for the third time: the job is set aside
--   queued  -> queued     its message got lost: send it again
--   any but running -> expired
--
-- It looks at the accounts whose turn has come as well.
--
-- ARGV: now, how many at most
-- Replies: {seconds until the next is due or '', {event (JSON), ...}, sent, rescued, set aside,
--           resent, expired}; events that no worker has logged yet, oldest first; counts

local due = redis.call('ZRANGEBYSCORE', SCHEDULE, '-inf', seconds(now), 'LIMIT', '0', ARGV[2])
local sent, rescued, set_aside, resent, expired = 0, 0, 0, 0, 0

-- The queue is first in, first out: whatever was sent before the oldest message
-- in it has been taken from it. A message without our mark tells nothing.
expect('list', QUEUE)
local oldest = redis.call('LINDEX', QUEUE, '-1')
local oldest_sent = math.huge
if oldest then
  oldest_sent = tonumber(string.match(oldest, '"sent_at": ?([%d.]+)') or 0)
end

local function rescue(id, job)
  rescued = rescued + 1
  local lost_leases = redis.call('HINCRBY', JOB .. id, 'lost_leases', '1')
  local last = lost_leases >= MOST_LOST_LEASES
  note_attempt(id, job, cjson.encode({
    started_at = tonumber(job.started_at), duration = now - tonumber(job.started_at),
    code = 'worker_lost', decision = last and 'fail' or 'rescue', counted = false,
    reason = 'Worker ' .. job.worker .. ' was lost while it ran this job.' }))
  redis.call('HDEL', JOB .. id, 'lease_token')
  release_holdings(id, job)
  if job.cancel_requested then
    cancel(id, job)
  elseif last then
    set_aside = set_aside + 1
    finish(id, job, 'failed', 'crash_loop',
           lost_leases .. ' workers were lost while they ran this job; it is set aside.', '')
  else
    route(id, job)
    advance(job.chatbot_id)
    send_ready(account_of(job))
  end
end

local function check_message(id, job)
  local queued_at = tonumber(job.queued_at)
  if queued_at < oldest_sent and queued_at + IN_FLIGHT <= now then
    resent = resent + 1
    redis.call('HSET', JOB .. id, 'queued_at', seconds(now))
    send(id)
  else
    -- The further from the queue's end, the later it is worth another look.
    local backlog = math.max(RESEND, math.min(queued_at - oldest_sent, RESEND_LATEST))
    redis.call('ZADD', SCHEDULE, seconds(now + backlog), id)
  end
end

local function look_at(id)
  local name = string.match(id, '^account:(.+)$')
  if name then
    repair_permits(name)
    send_ready(name)
    return
  end
  local job = load(id)
  if not job or not is_pending(job.state) then
    redis.call('ZREM', SCHEDULE, id)
  elseif job.state == 'running' then
    if tonumber(job.lease_until) <= now then
      rescue(id, job)
    else
      redis.call('ZADD', SCHEDULE, job.lease_until, id)
    end
  elseif tonumber(job.expires_at) <= now then
    expired = expired + 1
    expire(id, job)
  elseif job.state == 'queued' then
    check_message(id, job)
  else
    if not job.generation then join_line(id, job) end
    sent = sent + 1
    route(id, job)
  end
end

-- One job that cannot be read must not keep the others from being looked at.
local problem
for _, id in ipairs(due) do
  local done, why = pcall(look_at, id)
  if not done then
    problem = why
    redis.call('ZADD', SCHEDULE, seconds(now + RESEND), id)
  end
end
if problem then error(problem) end

local next_due = redis.call('ZRANGE', SCHEDULE, '0', '0', 'WITHSCORES')[2]
expect('list', UNLOGGED_EVENTS)
local news = {}
for _, event in ipairs(redis.call('LRANGE', UNLOGGED_EVENTS, '0', '-1')) do table.insert(news, 1, event) end
redis.call('DEL', UNLOGGED_EVENTS)
return { next_due and seconds(math.max(0, tonumber(next_due) - now)) or '', news,
         sent, rescued, set_aside, resent, expired }
