-- A batch: jobs that were given one name, counted by where they stand. It is kept in the step
-- that changes a job's record, and for as long as the record of its last job can be there.

local LONGEST = @LONGEST@  -- of the times for which records are kept

-- A new job may outlive all others of its batch.
local function keep_batch(job)
  local key, pending = BATCH .. job.batch, BATCH_PENDING .. job.batch
  local needed = math.ceil(tonumber(job.expires_at) - now) + LONGEST
  local kept = math.max(needed, redis.call('TTL', key))
  redis.call('EXPIRE', key, kept)
  redis.call('EXPIRE', pending, kept)
end

-- A job of a batch comes into a state.
local function count_in_batch(id, job, state)
  local key, pending = BATCH .. job.batch, BATCH_PENDING .. job.batch
  if is_pending(job.state) then
    redis.call('HINCRBY', key, job.state, '-1')
  else  -- it is new
    if redis.call('HSETNX', key, 'created_at', seconds(now)) == 1 then
      redis.call('ZADD', BATCHES, seconds(now), job.batch)
    end
    redis.call('HINCRBY', key, 'total', '1')
    if is_pending(state) then
      redis.call('HDEL', key, 'finished_at')
      redis.call('SADD', pending, id)
      keep_batch(job)
    end
  end
  redis.call('HINCRBY', key, state, '1')
end

-- A job of a batch has ended.
local function end_in_batch(id, job, state, outcome)
  local key, pending = BATCH .. job.batch, BATCH_PENDING .. job.batch
  redis.call('HINCRBY', key, 'code:' .. outcome, '1')
  redis.call('SREM', pending, id)
  if redis.call('EXISTS', pending) == 0 then
    redis.call('HSET', key, 'finished_at', seconds(now))
    redis.call('EXPIRE', key, LONGEST)
  end
  redis.call('PUBLISH', BATCH_CHANGES .. job.batch, state)
end
