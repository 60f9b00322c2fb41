-- include: records
-- Order among the jobs of a chatbot: the newest goes first, one at a time. `chatbot` is
-- chatbot_of(job).

local function newest_job(chatbot)
  return redis.call('ZREVRANGE', '{facelift}:chatbot_queue:' .. chatbot, '0', '0')[1]
end

-- The running job of a chatbot and its action (nil for a set), or nil. The lock of a job that does not run (somebody edited keys
-- by hand) must not block the chatbot.
local function lock_holder(chatbot)
  local id = redis.call('GET', '{facelift}:chatbot_lock:' .. chatbot)
  if not id then return nil end
  local its = redis.call('HMGET', '{facelift}:job:' .. id, 'state', 'action')
  if its[1] == 'running' then return id, its[2] or nil end
  redis.call('DEL', '{facelift}:chatbot_lock:' .. chatbot)
  return nil
end
