-- include: events
-- A worker says whether it can read from an image store.
--
-- ARGV: now, worker, store, why it cannot or '' if it can, seconds after which this is forgotten
-- Replies: 1

local worker, store, reason = ARGV[2], ARGV[3], ARGV[4]
local key, field = '{facelift}:stores', ARGV[3] .. ':' .. ARGV[2]
local others, mine = 0, nil
local found = redis.call('HGETALL', key)
for i = 1, #found, 2 do
  local outage = cjson.decode(found[i + 1])
  if found[i] == field then
    mine = outage
  elseif outage.forget_at <= now then
    redis.call('HDEL', key, found[i])  -- its worker has gone
  elseif outage.store == store then
    others = others + 1
  end
end
if reason == '' then
  if redis.call('HDEL', key, field) == 1 and others == 0 then
    record_event('store_back', '', 'facelift', nil, store)
  end
else
  redis.call('HSET', key, field, cjson.encode({
    store = store, worker = worker, reason = reason, since = mine and mine.since or wall,
    at = wall, forget_at = now + tonumber(ARGV[5]) }))
  if not mine and others == 0 then
    record_event('store_out', reason, 'facelift', nil, store)
  end
end
return 1
