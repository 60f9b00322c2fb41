-- (none) -> queued | waiting: record a job and send its message, in one step.
--
-- ARGV: now, job id, idempotency key or '', seconds it is remembered, seconds until the job
--       expires if it does not say, then field, value, ... of the record
-- Replies: {'created' | 'exists', job id, {field, value, ...}}; `exists` when the
--          id, or the idempotency key, was enqueued before (the caller compares).

local id, key, window = ARGV[2], ARGV[3], ARGV[4]

local function exists(known)
  return { 'exists', known, redis.call('HGETALL', JOB .. known) }
end

if redis.call('EXISTS', JOB .. id) == 1 then return exists(id) end
if key ~= '' then
  local known = redis.call('GET', IDEMPOTENCY .. key)
  if known and redis.call('EXISTS', JOB .. known) == 1 then return exists(known) end
  redis.call('SET', IDEMPOTENCY .. key, id, 'EX', window)
end

local job = create(id, 6, tonumber(ARGV[5]))
if job.not_before and tonumber(job.not_before) > now then
  wait(id, job, 'scheduled', 'Scheduled for later.', tonumber(job.not_before))
else
  join_line(id, job)
  route(id, job)
end
return { 'created', id, redis.call('HGETALL', JOB .. id) }
