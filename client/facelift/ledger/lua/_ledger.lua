-- What every script of the ledger shares; script_sources.py puts before each of them
-- what it needs of the files that begin with `_`, this one first, and fills in
-- the marks below for one ledger (key prefix). Here: the keys, the clock, the
-- records.
--
-- It goes by statements that begin at the margin: `local` declares one name
-- there, and one in capitals on a line of its own is a constant, whose value it
-- puts in the place of its name. Whatever else begins there, every script gets.
--
-- Keys are named here and not passed in: most are found by way of a record (its
-- chatbot, its account, the other jobs in its line). All but the queue carry one
-- hash tag.
--
--   job:<id>         hash    the record
--   schedule           zset    job id, or account:<name>, by the time at which somebody
--                            must look at it
--   chatbot_queue:<chatbot>   zset    pending jobs of a chatbot by generation
--   chatbot_lock:<chatbot>   string  the one running job of a chatbot
--   generation       counter order in which jobs became eligible
--   idempotency:<k>  string  job id enqueued under an idempotency key
--   accounts         set     the names of all accounts that were heard of
--   account:<name>   hash    its rate, what paused it, what the endpoint said of its limit
--   account_queue:<name>      zset    jobs that wait for the account's turn, by place
--   rate_window:<name>     zset    the account's share of queue and rate: job id (not yet sent to
--                            the endpoint) or request, by the time at which it leaves
--   endpoint         hash    the breaker, and a pause of everything
--   health           hash    answers and failures of the endpoint by time, for the breaker
--   events           list    changes of breaker and pauses (JSON), newest first
--   news             list    those among them that no worker has logged yet, newest first
--   workers          zset    the workers that are there, by the time at which they are forgotten
--   worker:<name>    hash    what a worker last told of itself
--   counts           hash    jobs by state, those that wait by their reason; and how many ever
--                            ended, by outcome (ended:<outcome>)
--   jobs             stream  the ids of all jobs, in the order in which they were enqueued
--   outcomes         stream  what became of the last jobs that ended
--   batches          zset    the names of all batches, by the time at which they began
--   webhooks        zset    ended jobs that are still to be told by HTTP, by the time of the
--                            next try
--   batch:<name>     hash    how many jobs of a batch are where, in all, by outcome
--   batch_pending:<name>  set  the ids of those that have not ended
--   <queue>          list    the Celery queue, newest message first
--
-- Besides there is a channel for each job, changes:<id>, which tells the state it came into, and
-- one for each batch, batch_changes:<name>, which tells the state in which a job of it ended.
--
-- ARGV[1] of every script is the time in Unix seconds, or '' for Redis' own
-- clock, which is the one clock of all producers and workers.
--
-- Numbers that are known beforehand are handed to Redis as strings: it spells a
-- number as one with 17 digits, which costs as much as a small command.

local QUEUE = @QUEUE@
local ENVELOPE = @ENVELOPE@
local SCHEMA_VERSION = @SCHEMA@      -- version of the records that this release can carry out
local RETENTION = { succeeded = '@SUCCEEDED@', failed = '@FAILED@', superseded = '@SUPERSEDED@',
                    cancelled = '@CANCELLED@', expired = '@EXPIRED@' }
local HISTORY = 32       -- attempts kept in a record
local MOST_LOST_LEASES = 3        -- workers a job may lose before it is set aside
local RESEND = 10        -- seconds until a queued job's message is checked for loss
local RESEND_LATEST = 120
local IN_FLIGHT = 5      -- seconds a message may be between the queue and its claim

local SCHEDULE = '@BASE@schedule'
local GENERATION = '@BASE@generation'
local JOB = '@BASE@job:'
local CHATBOT_QUEUE = '@BASE@chatbot_queue:'
local CHATBOT_LOCK = '@BASE@chatbot_lock:'
local IDEMPOTENCY = '@BASE@idempotency:'
local ACCOUNTS = '@BASE@accounts'
local ACCOUNT = '@BASE@account:'
local ACCOUNT_QUEUE = '@BASE@account_queue:'
local RATE_WINDOW = '@BASE@rate_window:'
local ENDPOINT = '@BASE@endpoint'
local BREAKER_RESULTS = '@BASE@breaker_results'
local EVENTS = '@BASE@events'
local UNLOGGED_EVENTS = '@BASE@unlogged_events'
local WORKERS = '@BASE@workers'
local WORKER = '@BASE@worker:'
local COUNTS = '@BASE@counts'
local JOBS = '@BASE@jobs'
local OUTCOMES = '@BASE@outcomes'
local WEBHOOKS = '@BASE@webhooks'
local CHANGES = '@BASE@changes:'
local BATCHES = '@BASE@batches'
local BATCH = '@BASE@batch:'
local BATCH_PENDING = '@BASE@batch_pending:'
local BATCH_CHANGES = '@BASE@batch_changes:'

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
local expected = {}
local function expect(kind, key)
  if expected[key] then return end
  expected[key] = true
  local found = redis.call('TYPE', key).ok
  if found ~= kind and found ~= 'none' then
    error('WRONGTYPE ' .. key .. ' holds a ' .. found .. ', not a ' .. kind)
  end
end

local function expect_chatbot(chatbot)
  expect('zset', CHATBOT_QUEUE .. chatbot)
  expect('string', CHATBOT_LOCK .. chatbot)
end

local DEFAULT_ACCOUNT = 'default'

-- An account as variables can spell it: they know no `-`. Records leave out the default one.
local function account_of(job)
  if not job.account then return DEFAULT_ACCOUNT end
  return (string.gsub(string.lower(job.account), '-', '_'))
end

local function expect_account(name)
  expect('hash', ACCOUNT .. name)
  expect('zset', ACCOUNT_QUEUE .. name)
  expect('zset', RATE_WINDOW .. name)
end

local function expect_batch(name)
  expect('zset', BATCHES)
  expect('hash', BATCH .. name)
  expect('set', BATCH_PENDING .. name)
end

expect('zset', SCHEDULE)
expect('string', GENERATION)
expect('hash', ENDPOINT)
expect('hash', BREAKER_RESULTS)
expect('hash', COUNTS)
expect('zset', WEBHOOKS)

local function read_hash(key)
  local flat = redis.pcall('HGETALL', key)
  if flat.err then
    expect('hash', key)         -- says it better, if that is what is wrong
    redis.call('HGETALL', key)  -- fails as it did
  end
  local hash = {}
  for i = 1, #flat, 2 do hash[flat[i]] = flat[i + 1] end
  return hash
end

-- The record as a table, or nil.
local function load(id)
  local job = read_hash(JOB .. id)
  if not next(job) then return nil end
  expect_chatbot(job.chatbot_id)
  expect_account(account_of(job))
  if job.batch then expect_batch(job.batch) end
  return job
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

local function note_attempt(id, job, attempt)
  local n = tonumber(job.history or 0) + 1
  redis.call('HSET', JOB .. id, 'history', n, 'attempt:' .. n, attempt)
  if n > HISTORY then redis.call('HDEL', JOB .. id, 'attempt:' .. (n - HISTORY)) end
end

-- The running job of a chatbot, or nil. A pointer to a job that does not run
-- (somebody edited keys by hand) must not block the chatbot.
local function holder(chatbot)
  local id = redis.call('GET', CHATBOT_LOCK .. chatbot)
  if not id then return nil end
  if redis.call('HGET', JOB .. id, 'state') == 'running' then return id end
  redis.call('DEL', CHATBOT_LOCK .. chatbot)
  return nil
end

local function newest(chatbot)
  return redis.call('ZREVRANGE', CHATBOT_QUEUE .. chatbot, '0', '0')[1]
end
