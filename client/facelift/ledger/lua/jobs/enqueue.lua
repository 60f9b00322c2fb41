-- include: create_record, dispatch_in_order, join_chatbot_queue
-- (none) -> queued | waiting: record a job and send its message, in one step.
--
-- ARGV: now, job id, idempotency key or '', seconds for which the key is remembered, seconds until
--       the job expires if it has no `expires_at`, then field, value, ... of the record
-- Replies: {'created' | 'exists', job id, {field, value, ...}}; `exists` when the id, or the
--          idempotency key, was enqueued before (the caller compares)

local id, key, window, lifetime = ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[5])

local function reply(what, known)
  return { what, known, redis.call('HGETALL', '{facelift}:job:' .. known) }
end

if redis.call('EXISTS', '{facelift}:job:' .. id) == 1 then return reply('exists', id) end
if key ~= '' then
  local known = redis.call('GET', '{facelift}:idempotency:' .. key)
  if known and redis.call('EXISTS', '{facelift}:job:' .. known) == 1 then
    return reply('exists', known)
  end
end

local job = create_record(id, 6, lifetime)
if key ~= '' then redis.call('SET', '{facelift}:idempotency:' .. key, id, 'EX', window) end
if job.not_before and tonumber(job.not_before) > wall then
  wait(id, job, 'scheduled', 'Scheduled for later.', tonumber(job.not_before) + clock_offset)
else
  join_chatbot_queue(id, job)
  dispatch_in_order(id, job)
end
return reply('created', id)
