-- include: hashes
-- Job records.

-- The account's name in keys: as environment variables spell it, where `-` is `_`. Records leave
-- out the default account.
local function account_of(job)
  if not job.account then return 'default' end
  return (string.gsub(string.lower(job.account), '-', '_'))
end

-- The record as a table, or nil.
local function load_job(id)
  local job = read_hash('{facelift}:job:' .. id)
  return job.chatbot_id and job
end

local function is_pending(state)
  return state == 'queued' or state == 'running' or state == 'waiting'
end
