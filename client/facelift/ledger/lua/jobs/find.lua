-- include: chatbot_jobs, records
-- Search the index of all jobs, or that of a chatbot, newest first.
--
-- ARGV: now, cursor ('+' for the first page), entries to read, jobs to reply; then what a job must
--       match, '' for any: state, account (as in keys), chatbot, outcome, created from (Unix
--       seconds), created before, batch, asset, action
-- Replies: {cursor of the next page or '', {job id, {field, value, ...}}, ...}

local cursor, most, limit = ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local state, name, chatbot, outcome = ARGV[5], ARGV[6], ARGV[7], ARGV[8]
local since, before, batch = tonumber(ARGV[9]), tonumber(ARGV[10]), ARGV[11]
local asset, action = ARGV[12], ARGV[13]

local function matches(job)
  return (state == '' or job.state == state)
     and (name == '' or account_of(job) == name)
     and (chatbot == '' or job.chatbot_id == chatbot)
     and (outcome == '' or job.outcome == outcome)
     and (batch == '' or job.batch == batch)
     and (asset == '' or job.asset == asset)
     and (action == '' or job.action == action)
     and (not before or tonumber(job.created_at) < before)
end

local function entries_of_all()
  return redis.call('XREVRANGE', '{facelift}:jobs', cursor, '-', 'COUNT', most)
end

-- How many jobs of the chatbot are not older than the cursor's, which may have been pruned.
local function count_seen(key, hash)
  if cursor == '+' then return 0 end
  local seen = sortable_entry(string.sub(cursor, 2))
  local low, high = 0, redis.call('ZCOUNT', key, hash, hash)
  while low < high do
    local middle = math.floor((low + high) / 2)
    local member = redis.call('ZREVRANGEBYSCORE', key, hash, hash, 'LIMIT', middle, 1)[1]
    if member < seen then high = middle else low = middle + 1 end
  end
  return low
end

local function entries_of_chatbot()
  local hash, entries = chatbot_hash(chatbot), {}
  local key = chatbot_jobs_key(hash)
  local members = redis.call('ZREVRANGEBYSCORE', key, hash, hash, 'LIMIT',
                             count_seen(key, hash), most)
  for _, member in ipairs(members) do
    entries[#entries + 1] = redis.call('XRANGE', '{facelift}:jobs', member, member)[1]
  end
  return entries
end

local found = {}
local entries = chatbot == '' and entries_of_all() or entries_of_chatbot()
for _, entry in ipairs(entries) do
  local at, id = entry[1], entry[2][2]
  local fields = redis.pcall('HMGET', '{facelift}:job:' .. id, 'created_at', 'state', 'account',
                             'chatbot_id', 'outcome', 'batch', 'asset', 'action')
  local job = { created_at = fields[1], state = fields[2], account = fields[3] or nil,
                chatbot_id = fields[4], outcome = fields[5], batch = fields[6],
                asset = fields[7] or 'profile_picture', action = fields[8] or 'set' }
  if job.created_at then
    if since and tonumber(job.created_at) < since then return { '', unpack(found) } end
    if matches(job) then
      found[#found + 1] = { id, redis.call('HGETALL', '{facelift}:job:' .. id) }
      if #found == limit then return { '(' .. at, unpack(found) } end
    end
  end
end
return { #entries == most and '(' .. entries[#entries][1] or '', unpack(found) }
