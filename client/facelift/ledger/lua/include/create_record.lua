-- include: chatbot_jobs, check_keys, clock

-- Write a new record from the fields and values of ARGV[first] on, and add it to the index.
-- Without `expires_at` it expires `lifetime` seconds after it may start.
local function create_record(id, first, lifetime)
  local job = { created_at = wall_text }
  for i = first, #ARGV, 2 do job[ARGV[i]] = ARGV[i + 1] end
  job.expires_at = job.expires_at
                   or timestamp(math.max(wall, tonumber(job.not_before or 0)) + lifetime)
  check_keys(id, job)
  redis.call('GET', '{facelift}:generation')
  if job.batch then
    redis.call('ZSCORE', '{facelift}:batches', job.batch)
    redis.call('HGET', '{facelift}:batch:' .. job.batch, 'total')
    redis.call('SISMEMBER', '{facelift}:batch_pending:' .. job.batch, id)
  end
  local hash = chatbot_hash(job.chatbot_id)
  redis.call('ZCARD', chatbot_jobs_key(hash))
  local entry = redis.call('XADD', '{facelift}:jobs', '*', 'job', id, 'chatbot', hash)
  redis.call('ZADD', chatbot_jobs_key(hash), hash, sortable_entry(entry))
  redis.call('HSET', '{facelift}:job:' .. id, 'created_at', job.created_at,
             'expires_at', job.expires_at, unpack(ARGV, first))
  return job
end
