-- include: clock, records
-- Acquire due webhooks, the longest overdue first. Each is due again when its lease runs out.
--
-- ARGV: now, how many at most, lease in seconds
-- Replies: {{job id, attempts with this one, now, {field, value, ...}}, ...}; without attempts and
--          fields if the record is gone, or a new one has its id: the webhook is removed then

local acquired = {}
local due = redis.call('ZRANGEBYSCORE', '{facelift}:webhooks', '-inf', now_text,
                       'LIMIT', '0', ARGV[2])
for _, id in ipairs(due) do
  local key = '{facelift}:job:' .. id
  local state = redis.pcall('HGET', key, 'state')
  if type(state) == 'string' and not is_pending(state) then
    local attempts = redis.call('HINCRBY', key, 'webhook_attempts', '1')
    redis.call('ZADD', '{facelift}:webhooks', timestamp(now + tonumber(ARGV[3])), id)
    acquired[#acquired + 1] = { id, attempts, now_text, redis.call('HGETALL', key) }
  else
    redis.call('ZREM', '{facelift}:webhooks', id)
    acquired[#acquired + 1] = { id, 0, now_text, {} }
  end
end
return acquired
