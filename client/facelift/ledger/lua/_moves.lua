-- How a job comes into being and into the line of its chatbot, and how it ends.

-- A new record out of ARGV from `first` on: field, value, ... Unless it says when it expires,
-- that is `lifetime` seconds after it may start.
local function create(id, first, lifetime)
  local job = { created_at = seconds(now) }
  for i = first, #ARGV, 2 do job[ARGV[i]] = ARGV[i + 1] end
  job.expires_at = job.expires_at
                   or seconds(math.max(now, tonumber(job.not_before or 0)) + lifetime)
  expect_chatbot(job.chatbot_id)
  expect_account(account_of(job))
  if job.batch then expect_batch(job.batch) end
  list(id)
  redis.call('HSET', JOB .. id, 'created_at', job.created_at, 'expires_at', job.expires_at,
             unpack(ARGV, first))
  return job
end

-- The newest pending job of a chatbot goes on if it waited for its turn.
local function advance(chatbot)
  local id = newest(chatbot)
  if not id or holder(chatbot) then return end
  local job = load(id)
  if job.wait_reason == 'newer_upload' or job.wait_reason == 'chatbot_busy' then
    settle(id, job)
  end
end

-- state -> a terminal one; touches this job alone
local function close(id, job, state, outcome, message, status)
  want_webhook(id)
  redis.call('HDEL', JOB .. id, 'wait_reason', 'wait_until', 'lease_until', 'queued_at',
             'history', 'cancel_requested', 'seen', 'place',
             'image_sha256')
  redis.call('HSET', JOB .. id, 'state', state, 'outcome', outcome, 'message', message,
             'http_status', status or '', 'finished_at', seconds(now))
  redis.call('ZREM', SCHEDULE, id)
  redis.call('ZREM', CHATBOT_QUEUE .. job.chatbot_id, id)
  redis.call('ZREM', ACCOUNT_QUEUE .. account_of(job), id)
  redis.call('EXPIRE', JOB .. id, RETENTION[state])
  release_holdings(id, job)
  enter(id, job, state)
  tell_outcome(id, job, state, outcome)
end

-- state -> a terminal one; older pictures are superseded, the next in line goes on
local function finish(id, job, state, outcome, message, status)
  if state == 'succeeded' and job.generation then
    local older = redis.call('ZRANGEBYSCORE', CHATBOT_QUEUE .. job.chatbot_id, '-inf',
                             '(' .. job.generation)
    for _, other in ipairs(older) do
      redis.call('HSET', JOB .. other, 'superseded_by', id)
      close(other, load(other), 'superseded', 'superseded',
            'A newer picture of this chatbot was delivered first.')
    end
  end
  close(id, job, state, outcome, message, status)
  advance(job.chatbot_id)
  send_ready(account_of(job))
end

local function expire(id, job)
  finish(id, job, 'expired', 'expired', 'Its deadline passed before it could be delivered.',
         job.http_status)
end

local function cancel(id, job)
  finish(id, job, 'cancelled', 'cancelled', 'Cancelled before it was delivered.',
         job.http_status)
end

-- A job becomes eligible: from here on it counts among the pictures of its chatbot. It
-- takes over the place of the one before it that no worker has yet: who changes a picture
-- often must not wait for ever.
local function join_line(id, job)
  local before = newest(job.chatbot_id)
  job.generation = redis.call('INCR', GENERATION)
  redis.call('HSET', JOB .. id, 'generation', job.generation)
  redis.call('ZADD', CHATBOT_QUEUE .. job.chatbot_id, job.generation, id)
  local older = before and load(before)
  if not older then return end
  local lane = ACCOUNT_QUEUE .. account_of(older)
  if older.state == 'queued' or redis.call('ZREM', lane, before) == 1 then
    wait(before, older, 'newer_upload', 'A newer picture of this chatbot goes first.', NEVER)
    release_holdings(before, older)
    job.place = older.place or older.generation
    redis.call('HSET', JOB .. id, 'place', job.place)
  end
end
