-- What can be seen of the jobs without reading every record: how many are in which state, the
-- index of all of them, the stream of outcomes, and a word on a channel at each change.

local OUTCOMES_KEPT = '100000'

-- A job comes into a state; those that wait are counted by their reason.
local function enter(id, job, state, reason)
  local before, after = job.wait_reason or job.state, reason or state
  if before == after then return end
  if is_pending(job.state) then redis.call('HINCRBY', COUNTS, before, '-1') end
  if is_pending(state) then redis.call('HINCRBY', COUNTS, after, '1') end
  if job.batch and job.state ~= state then count_in_batch(id, job, state) end
  job.state, job.wait_reason = state, reason
  redis.call('PUBLISH', CHANGES .. id, state)
end

local function list(id)
  expect('stream', JOBS)
  redis.call('XADD', JOBS, '*', 'job', id)
end

local function tell_outcome(id, job, state, outcome)
  redis.call('HINCRBY', COUNTS, 'ended:' .. outcome, '1')
  expect('stream', OUTCOMES)
  redis.call('XADD', OUTCOMES, 'MAXLEN', '~', OUTCOMES_KEPT, '*', 'job', id, 'state', state,
             'outcome', outcome, 'chatbot_id', job.chatbot_id,
             'account', job.account or DEFAULT_ACCOUNT, 'created_at', job.created_at,
             'finished_at', seconds(now))
  if job.batch then end_in_batch(id, job, state, outcome) end
end
