-- include: account_gate
-- The state of the pool: breaker, pauses, accounts, workers, queue, recent events.
--
-- ARGV: now, how many events at most (from 1)
-- Replies: JSON: at, queued, endpoint (hash), counts (hash), oldest_at (created_at of the oldest
--          job on the queue or first in an account's queue), accounts (name -> hash, with waiting,
--          used and blocked_by, which is why all of its jobs wait if they do), workers (name ->
--          hash), events (newest first), webhooks (how many are still to be sent)

local pool = { at = now, queued = redis.call('LLEN', '@QUEUE@'), endpoint = endpoint(),
               counts = read_hash('{facelift}:counts'), accounts = {}, workers = {}, events = {},
               webhooks = redis.call('ZCARD', '{facelift}:webhooks') }

local function note_oldest(id)
  local at = id and tonumber(redis.call('HGET', '{facelift}:job:' .. id, 'created_at') or nil)
  if at then pool.oldest_at = math.min(pool.oldest_at or at, at) end
end

note_oldest(string.match(redis.call('LINDEX', '@QUEUE@', '-1') or '', '"id": ?"([^"]+)"'))
for _, name in ipairs(redis.call('SMEMBERS', '{facelift}:accounts')) do
  local it, queue = account(name), '{facelift}:account_queue:' .. name
  it.waiting = redis.call('ZCARD', queue)
  it.used = redis.call('ZCOUNT', '{facelift}:rate_window:' .. name, now_text, '+inf')
            + used_elsewhere(name)
  it.limit = rate(name) or 0
  it.blocked_by = blocked_by_account('', name) or (not is_closed() and 'endpoint_down') or nil
  note_oldest(redis.call('ZRANGE', queue, '0', '0')[1])
  pool.accounts[name] = it
end
for _, name in ipairs(redis.call('ZRANGEBYSCORE', '{facelift}:workers', now_text, '+inf')) do
  local worker = read_hash('{facelift}:worker:' .. name)
  if next(worker) then pool.workers[name] = worker end
end
for _, event in ipairs(redis.call('LRANGE', '{facelift}:events', '0', tonumber(ARGV[2]) - 1)) do
  table.insert(pool.events, cjson.decode(event))
end
return cjson.encode(pool)
