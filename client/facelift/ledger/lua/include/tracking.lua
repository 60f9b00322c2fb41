-- include: clock, records, retention
-- What is known of the jobs without reading their records: counts by state, batches, and a
-- notification at each change.

-- A job of a batch comes into a state.
local function count_in_batch(id, job, state)
  local key, pending = '{facelift}:batch:' .. job.batch, '{facelift}:batch_pending:' .. job.batch
  if is_pending(job.state) then
    redis.call('HINCRBY', key, job.state, '-1')
  else  -- a new job
    if redis.call('HSETNX', key, 'created_at', wall_text) == 1 then
      redis.call('ZADD', '{facelift}:batches', wall_text, job.batch)
    end
    redis.call('HINCRBY', key, 'total', '1')
    if is_pending(state) then
      redis.call('HDEL', key, 'finished_at')
      redis.call('SADD', pending, id)
      -- The batch is kept at least as long as the record of this job can be.
      local needed = math.ceil(tonumber(job.expires_at) - wall) + tonumber(retention('batch'))
      local kept = math.max(needed, redis.call('TTL', key))
      redis.call('EXPIRE', key, kept)
      redis.call('EXPIRE', pending, kept)
    end
  end
  redis.call('HINCRBY', key, state, '1')
end

-- Count a job that comes into a state (those that wait by their reason), and notify who watches.
local function change_state(id, job, state, reason)
  local before, after = job.wait_reason or job.state, reason or state
  if before == after then return end
  if is_pending(job.state) then redis.call('HINCRBY', '{facelift}:counts', before, '-1') end
  if is_pending(state) then redis.call('HINCRBY', '{facelift}:counts', after, '1') end
  if job.batch and job.state ~= state then count_in_batch(id, job, state) end
  job.state, job.wait_reason = state, reason
  redis.call('PUBLISH', '{facelift}:changes:' .. id, state)
end
