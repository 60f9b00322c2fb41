-- How the pool is: breaker, pauses, accounts, workers, what lies on the queue, what happened
-- lately.
--
-- ARGV: now, how many events at most (from 1)
-- Replies: JSON: at, queued, endpoint (hash), accounts (name -> hash, with waiting and used),
--          workers (name -> hash), events (newest first)

expect('set', ACCOUNTS)
expect('list', EVENTS)
expect('list', QUEUE)
expect('zset', WORKERS)
local found = { at = now, queued = redis.call('LLEN', QUEUE), endpoint = pool(ENDPOINT),
                accounts = {}, workers = {}, events = {} }
for _, name in ipairs(redis.call('SMEMBERS', ACCOUNTS)) do
  expect_account(name)
  local it = account(name)
  it.waiting = redis.call('ZCARD', lane_key(name))
  it.used = redis.call('ZCOUNT', slots_key(name), seconds(now), '+inf') + foreign(name)
  it.limit = rate(name) or 0
  found.accounts[name] = it
end
for _, name in ipairs(redis.call('ZRANGEBYSCORE', WORKERS, seconds(now), '+inf')) do
  expect('hash', worker_key(name))
  local told = read_hash(worker_key(name))
  if next(told) then found.workers[name] = told end
end
for _, event in ipairs(redis.call('LRANGE', EVENTS, 0, tonumber(ARGV[2]) - 1)) do
  table.insert(found.events, cjson.decode(event))
end
return cjson.encode(found)
