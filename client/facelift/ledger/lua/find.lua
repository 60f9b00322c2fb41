-- Look through the index of all jobs, newest first, for those that match.
--
-- ARGV: now, cursor ('+' to begin with), how many entries to look at, how many jobs to reply;
--       then what a job must be, '' for any: state, account (as variables spell it), chatbot,
--       outcome, created from (Unix seconds), created before
-- Replies: {cursor to go on with or '', {job id, {field, value, ...}}, ...}

local cursor, most, limit = ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local state, name, chatbot, outcome = ARGV[5], ARGV[6], ARGV[7], ARGV[8]
local since, before, batch = tonumber(ARGV[9]), tonumber(ARGV[10]), ARGV[11]

local function matches(job)
  return (state == '' or job.state == state)
     and (name == '' or account_of(job) == name)
     and (chatbot == '' or job.chatbot_id == chatbot)
     and (outcome == '' or job.outcome == outcome)
     and (batch == '' or job.batch == batch)
     and (not before or tonumber(job.created_at) < before)
end

expect('stream', JOBS)
local found = {}
local entries = redis.call('XREVRANGE', JOBS, cursor, '-', 'COUNT', most)
for _, entry in ipairs(entries) do
  local at, id = entry[1], entry[2][2]
  local told = redis.pcall('HMGET', JOB .. id, 'created_at', 'state', 'account', 'chatbot_id',
                           'outcome', 'batch')
  local job = { created_at = told[1], state = told[2], account = told[3] or nil,
                chatbot_id = told[4], outcome = told[5], batch = told[6] }
  if job.created_at then
    if since and tonumber(job.created_at) < since then return { '', unpack(found) } end
    if matches(job) then
      found[#found + 1] = { id, redis.call('HGETALL', JOB .. id) }
      if #found == limit then return { '(' .. at, unpack(found) } end
    end
  end
end
return { #entries == most and '(' .. entries[#entries][1] or '', unpack(found) }
