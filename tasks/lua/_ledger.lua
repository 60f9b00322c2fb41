-- What every script of the ledger shares; scripts.py puts this before each of
-- them and fills in the constants below for one ledger (key prefix).
--
-- Keys are named here and not passed in: most are found by way of a record (its
-- chatbot, the other jobs in its line). All but the queue carry one hash tag.
--
--   job:<id>         hash    the record
--   agenda           zset    job id by the time at which somebody must look at it
--   line:<chatbot>   zset    pending jobs of a chatbot by generation
--   busy:<chatbot>   string  the one running job of a chatbot
--   generation       counter order in which jobs became eligible
--   idempotency:<k>  string  job id enqueued under an idempotency key
--   <queue>          list    the Celery queue, newest message first
--
-- ARGV[1] of every script is the time in Unix seconds, or '' for Redis' own
-- clock, which is the one clock of all producers and workers.

local BASE = @BASE@
local QUEUE = @QUEUE@
local ENVELOPE = @ENVELOPE@
local RETENTION = { succeeded = @SUCCEEDED@, failed = @FAILED@, superseded = @SUPERSEDED@,
                    cancelled = @CANCELLED@, expired = @EXPIRED@ }
local HISTORY = 32       -- attempts kept in a record
local CRASHES = 3        -- workers a job may lose before it is set aside
local RESEND = 10        -- seconds until a queued job's message is checked for loss
local RESEND_LATEST = 120
local IN_FLIGHT = 5      -- seconds a message may be between the queue and its claim

local AGENDA = BASE .. 'agenda'
local GENERATION = BASE .. 'generation'
local function job_key(id) return BASE .. 'job:' .. id end
local function line_key(chatbot) return BASE .. 'line:' .. chatbot end
local function busy_key(chatbot) return BASE .. 'busy:' .. chatbot end
local function idempotency_key(key) return BASE .. 'idempotency:' .. key end

local now
if ARGV[1] ~= '' then
  now = tonumber(ARGV[1])
else
  local time = redis.call('TIME')
  now = tonumber(time[1]) + tonumber(time[2]) / 1000000
end

local function seconds(value) return string.format('%.3f', value) end

-- Somebody may have put something else under a key of ours. What a script has
-- written stays when it fails halfway, so it fails before.
local function expect(kind, key)
  local found = redis.call('TYPE', key).ok
  if found ~= kind and found ~= 'none' then
    error('WRONGTYPE ' .. key .. ' holds a ' .. found .. ', not a ' .. kind)
  end
end

local function expect_chatbot(chatbot)
  expect('zset', line_key(chatbot))
  expect('string', busy_key(chatbot))
end

expect('zset', AGENDA)
expect('string', GENERATION)

-- The record as a table, or nil.
local function load(id)
  expect('hash', job_key(id))
  local flat = redis.call('HGETALL', job_key(id))
  if #flat == 0 then return nil end
  local job = {}
  for i = 1, #flat, 2 do job[flat[i]] = flat[i + 1] end
  expect_chatbot(job.chatbot_id)
  return job
end

-- A new record out of ARGV from `first` on: field, value, ...
local function create(id, first)
  for i = first, #ARGV, 2 do
    if ARGV[i] == 'chatbot_id' then expect_chatbot(ARGV[i + 1]) end
  end
  redis.call('HSET', job_key(id), 'created_at', seconds(now), unpack(ARGV, first))
  return load(id)
end

local function is_pending(state)
  return state == 'queued' or state == 'running' or state == 'waiting'
end

-- Whether the caller holds the job's lease.
local function owns(job, token)
  return job.state == 'running' and job.lease_token == token
end

-- Whether the caller did this already and lost the reply: nobody took the job since.
local function did(job, token)
  return job.state ~= 'running' and job.lease_token == token
end

local function note_attempt(id, attempt)
  local n = redis.call('HINCRBY', job_key(id), 'history', 1)
  redis.call('HSET', job_key(id), 'attempt:' .. n, attempt)
  if n > HISTORY then redis.call('HDEL', job_key(id), 'attempt:' .. (n - HISTORY)) end
end

-- The running job of a chatbot, or nil. A pointer to a job that does not run
-- (somebody edited keys by hand) must not block the chatbot.
local function holder(chatbot)
  local id = redis.call('GET', busy_key(chatbot))
  if not id then return nil end
  if redis.call('HGET', job_key(id), 'state') == 'running' then return id end
  redis.call('DEL', busy_key(chatbot))
  return nil
end

local function newest(chatbot)
  return redis.call('ZREVRANGE', line_key(chatbot), 0, 0)[1]
end

local function let_go(id, chatbot)
  if redis.call('GET', busy_key(chatbot)) == id then redis.call('DEL', busy_key(chatbot)) end
end

-- state -> waiting, until a time or an event
local function wait(id, job, reason, message, at)
  at = math.min(at, tonumber(job.expires_at))
  redis.call('HDEL', job_key(id), 'lease_until', 'queued_at')
  redis.call('HSET', job_key(id), 'state', 'waiting', 'wait_reason', reason,
             'wait_until', seconds(at), 'message', message)
  redis.call('ZADD', AGENDA, seconds(at), id)
end

-- Each message has its own delivery tag; Celery keeps unacknowledged ones by it.
local function send(id)
  local message = string.gsub(ENVELOPE, '@(%u+)@', {
    ID = id, TAG = id .. '.' .. string.format('%.0f', now * 1000000), SENT = seconds(now) })
  redis.call('HSET', job_key(id), 'queued_at', seconds(now))
  redis.call('ZADD', AGENDA, seconds(now + RESEND), id)
  expect('list', QUEUE)
  redis.call('LPUSH', QUEUE, message)  -- last: if it is refused, the agenda sends it again
end

-- state -> queued
local function queue(id)
  redis.call('HDEL', job_key(id), 'wait_reason', 'wait_until', 'lease_until')
  redis.call('HSET', job_key(id), 'state', 'queued', 'message', 'On its way to a worker.')
  send(id)
end

-- What keeps a job from running now: a reason and a sentence, or nil.
local function obstacle(id, job)
  if newest(job.chatbot_id) ~= id then
    return 'newer_upload', 'A newer picture of this chatbot goes first.'
  end
  local running = holder(job.chatbot_id)
  if running and running ~= id then
    return 'chatbot_busy', 'An earlier upload of this chatbot is in flight.'
  end
  return nil
end

-- state -> queued, or waiting for its turn among the jobs of its chatbot
local function route(id, job)
  local reason, message = obstacle(id, job)
  if reason then
    wait(id, job, reason, message, tonumber(job.expires_at))
  else
    queue(id)
  end
end

-- The newest pending job of a chatbot goes on if it waited for its turn.
local function advance(chatbot)
  local id = newest(chatbot)
  if not id or holder(chatbot) then return end
  local reason = redis.call('HGET', job_key(id), 'wait_reason')
  if reason == 'newer_upload' or reason == 'chatbot_busy' then queue(id) end
end

-- state -> a terminal one; touches this job alone
local function close(id, job, state, outcome, message, status)
  redis.call('HDEL', job_key(id), 'wait_reason', 'wait_until', 'lease_until', 'queued_at',
             'history', 'cancel_requested')
  redis.call('HSET', job_key(id), 'state', state, 'outcome', outcome, 'message', message,
             'http_status', status or '', 'finished_at', seconds(now))
  redis.call('ZREM', AGENDA, id)
  redis.call('ZREM', line_key(job.chatbot_id), id)
  redis.call('EXPIRE', job_key(id), RETENTION[state])
  let_go(id, job.chatbot_id)
end

-- state -> a terminal one; older pictures are superseded, the next in line goes on
local function finish(id, job, state, outcome, message, status)
  if state == 'succeeded' and job.generation then
    local older = redis.call('ZRANGEBYSCORE', line_key(job.chatbot_id), '-inf',
                             '(' .. job.generation)
    for _, other in ipairs(older) do
      redis.call('HSET', job_key(other), 'superseded_by', id)
      close(other, { chatbot_id = job.chatbot_id }, 'superseded', 'superseded',
            'A newer picture of this chatbot was delivered first.')
    end
  end
  close(id, job, state, outcome, message, status)
  advance(job.chatbot_id)
end

local function expire(id, job)
  finish(id, job, 'expired', 'expired', 'Its deadline passed before it could be delivered.',
         job.http_status)
end

local function cancel(id, job)
  finish(id, job, 'cancelled', 'cancelled', 'Cancelled before it was delivered.',
         job.http_status)
end

-- A job becomes eligible: from here on it counts among the pictures of its chatbot.
local function join_line(id, job)
  job.generation = redis.call('INCR', GENERATION)
  redis.call('HSET', job_key(id), 'generation', job.generation)
  redis.call('ZADD', line_key(job.chatbot_id), job.generation, id)
end
