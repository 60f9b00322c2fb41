-- include: records

-- Reads the keys that most transitions of a job write. One of the wrong type fails here
-- (WRONGTYPE), before anything is written.
local function check_keys(id, job)
  local name, chatbot = account_of(job), chatbot_of(job)
  redis.call('ZSCORE', '{facelift}:schedule', id)
  redis.call('HGET', '{facelift}:counts', 'queued')
  redis.call('ZSCORE', '{facelift}:chatbot_queue:' .. chatbot, id)
  redis.call('GET', '{facelift}:chatbot_lock:' .. chatbot)
  redis.call('ZSCORE', '{facelift}:account_queue:' .. name, id)
  redis.call('ZSCORE', '{facelift}:rate_window:' .. name, id)
  redis.call('ZSCORE', '{facelift}:running:' .. name, id)
  if job.sent_sha256 then redis.call('ZCARD', '{facelift}:unsettled:' .. chatbot) end
end
