-- The index of all jobs by chatbot. A sorted set for each chatbot would take more than its records:
-- the chatbots share 16,381, small enough for Redis to keep them compact. The score is a hash of the
-- chatbot; the member is the job's entry in the stream of all jobs, in a form that sorts by time.

local function chatbot_hash(chatbot)
  local hash = 0
  for i = 1, #chatbot do hash = (hash * 65599 + string.byte(chatbot, i)) % 4294967296 end
  return string.format('%.0f', hash)
end

local function chatbot_jobs_key(hash)
  return string.format('{facelift}:chatbot_jobs:%d', (tonumber(hash) or 0) % 16381)
end

local function sortable_entry(entry)
  local ms, number = string.match(entry, '^(%d+)-(%d+)$')
  return string.format('%s-%05d', ms, number)
end
