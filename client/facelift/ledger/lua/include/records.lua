-- include: hashes
-- Job records. They leave out what most jobs do: `asset` is there for an icon only, `action` for a
-- removal only, which has no image.

-- The name of a job's own account as environment variables spell it, where `-` is `_`. Records
-- leave out the default account.
local function own_account(job)
  if (job.account or '') == '' then return 'default' end
  return (string.gsub(string.lower(job.account), '-', '_'))
end

-- The account whose queue, rate window, breaker and pauses a job has: its own, or the one that
-- registered the same API key first (see share_key.lua).
local function account_of(job) return job.shares or own_account(job) end

-- A job's chatbot and asset in keys: each account, chatbot and asset has an order of its own. No
-- account has a `/` in its name, so no chatbot's id can look like the icon of another.
local function chatbot_of(job)
  return own_account(job) .. (job.asset and '/' .. job.asset or '') .. ':' .. job.chatbot_id
end

-- The record as a table, or nil.
local function load_job(id)
  local job = read_hash('{facelift}:job:' .. id)
  return job.chatbot_id and job
end

local function is_pending(state)
  return state == 'queued' or state == 'running' or state == 'waiting'
end
