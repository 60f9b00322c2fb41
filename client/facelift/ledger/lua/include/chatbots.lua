-- include: records
-- Order among the jobs of a chatbot: the newest goes first, one at a time. `chatbot` is
-- chatbot_of(job).

local function newest_job(chatbot)
  return redis.call('ZREVRANGE', '{facelift}:chatbot_queue:' .. chatbot, '0', '0')[1]
end

-- The running job of a chatbot, or nil. The lock of a job that does not run (somebody edited keys
-- by hand) must not block the chatbot.
local function lock_holder(chatbot)
  local id = redis.call('GET', '{facelift}:chatbot_lock:' .. chatbot)
  if not id then return nil end
  if redis.call('HGET', '{facelift}:job:' .. id, 'state') == 'running' then return id end
  redis.call('DEL', '{facelift}:chatbot_lock:' .. chatbot)
  return nil
end
