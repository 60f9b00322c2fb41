-- include: clock
-- Changes of breaker, pauses and limits, for operators.

-- Append an event to both lists: all of the last ones, and those that no worker has logged yet.
-- kind: an EventKind of status/pool.py; name: of the account, nil if it concerns all;
-- store: the image store that it concerns, if any
local function record_event(kind, reason, by, name, store)
  local event = cjson.encode({ at = wall, what = kind, reason = reason, by = by, account = name,
                               store = store })
  for _, key in ipairs({ '{facelift}:events', '{facelift}:unlogged_events' }) do
    redis.call('LPUSH', key, event)
    redis.call('LTRIM', key, '0', '199')
  end
end
