-- The webhooks whose time has come, the longest overdue first, for a worker to send. None is
-- taken away: one whose worker is lost is due again once its lease has run out.
--
-- ARGV: now, how many at most, lease in seconds
-- Replies: {{job id, tries with this one, now, {field, value, ...}}, ...}; of a job whose record
--          is gone, or is a new one's under the same id, with no tries and no fields, and its
--          webhook is gone too

local taken = {}
local due = redis.call('ZRANGEBYSCORE', WEBHOOKS, '-inf', seconds(now), 'LIMIT', '0', ARGV[2])
for _, id in ipairs(due) do
  local state = redis.pcall('HGET', JOB .. id, 'state')
  if type(state) == 'string' and not is_pending(state) then
    local tries = redis.call('HINCRBY', JOB .. id, 'webhook_tries', '1')
    redis.call('ZADD', WEBHOOKS, seconds(now + tonumber(ARGV[3])), id)
    taken[#taken + 1] = { id, tries, seconds(now), redis.call('HGETALL', JOB .. id) }
  else
    redis.call('ZREM', WEBHOOKS, id)
    taken[#taken + 1] = { id, 0, seconds(now), {} }
  end
end
return taken
