-- include: clock, pool_state, records, slots
-- Chatbots whose last upload failed. Their jobs wait in a queue of their own: together they get at
-- most a fifth of an account's permits while others wait, and a quarter of the pool's slots.

local function is_suspect(name, job)
  return redis.call('ZSCORE', '{facelift}:suspects:' .. name, job.chatbot_id)
end

-- A chatbot's upload failed.
local function record_suspect(name, job, code, sentence)
  local key = '{facelift}:suspect:' .. name .. ':' .. job.chatbot_id
  local failures = redis.call('ZINCRBY', '{facelift}:suspects:' .. name, '1', job.chatbot_id)
  if tonumber(failures) == 1 then redis.call('HSET', key, 'since', wall_text) end
  redis.call('HSET', key, 'code', code, 'message', sentence, 'at', wall_text)
  redis.call('EXPIRE', key, '86400')
end

local function clear_suspect(name, job)
  if redis.call('ZREM', '{facelift}:suspects:' .. name, job.chatbot_id) == 1 then
    redis.call('DEL', '{facelift}:suspect:' .. name .. ':' .. job.chatbot_id)
  end
end

-- Whether one more suspect may take a slot.
local function suspects_have_room(name)
  local all = slots()
  local most = all and math.max(1, math.floor(all / 4)) or math.huge
  return redis.call('SCARD', '{facelift}:suspects_running:' .. name) < most
end
