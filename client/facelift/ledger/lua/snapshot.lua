-- How the pool is: breaker, pauses, accounts, workers, what lies on the queue, what happened
-- lately.
--
-- ARGV: now, how many events at most (from 1)
-- Replies: JSON: at, queued, endpoint (hash), counts (hash), oldest_at (created_at of the oldest
--          job on the queue or first in a lane), accounts (name -> hash, with waiting, used and
--          gate, which is why its jobs wait if all of them do), workers (name -> hash), events
--          (newest first), webhooks (how many are still to be sent)

expect('set', ACCOUNTS)
expect('list', EVENTS)
expect('list', QUEUE)
expect('zset', WORKERS)
local found = { at = now, queued = redis.call('LLEN', QUEUE), endpoint = pool(ENDPOINT),
                counts = pool(COUNTS), accounts = {}, workers = {}, events = {},
                webhooks = redis.call('ZCARD', WEBHOOKS) }

local function note_oldest(id)
  local at = id and tonumber(redis.call('HGET', JOB .. id, 'created_at') or nil)
  if at then found.oldest_at = math.min(found.oldest_at or at, at) end
end

note_oldest(string.match(redis.call('LINDEX', QUEUE, '-1') or '', '"id": ?"([^"]+)"'))
for _, name in ipairs(redis.call('SMEMBERS', ACCOUNTS)) do
  expect_account(name)
  local it = account(name)
  it.waiting = redis.call('ZCARD', ACCOUNT_QUEUE .. name)
  it.used = redis.call('ZCOUNT', RATE_WINDOW .. name, seconds(now), '+inf') + foreign(name)
  it.limit = rate(name) or 0
  it.gate = closed_gate('', name) or (not is_closed() and 'endpoint_down') or nil
  note_oldest(redis.call('ZRANGE', ACCOUNT_QUEUE .. name, '0', '0')[1])
  found.accounts[name] = it
end
for _, name in ipairs(redis.call('ZRANGEBYSCORE', WORKERS, seconds(now), '+inf')) do
  expect('hash', WORKER .. name)
  local told = read_hash(WORKER .. name)
  if next(told) then found.workers[name] = told end
end
for _, event in ipairs(redis.call('LRANGE', EVENTS, '0', tonumber(ARGV[2]) - 1)) do
  table.insert(found.events, cjson.decode(event))
end
return cjson.encode(found)
