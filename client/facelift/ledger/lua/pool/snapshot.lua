-- include: account_gate, flow_names
-- The state of the pool: breaker, pauses, accounts, workers, queue, recent events.
--
-- ARGV: now, how many events at most (from 1)
-- Replies: JSON, all times are wall times: at, clock (hash, as check_clock.lua writes it), queued,
--          endpoint (hash), counts (hash), oldest_at (created_at of the oldest job on
--          the queue or first in a flow), accounts (name -> hash, with waiting, used, running,
--          failing_chatbots (that failed twice in a row or more), worst (hashes of up to ten of
--          them), shares_key_with (names), blocked_by, which is why all of its jobs wait if they do, and workers_left, those that
--          have another API key than the one that works), workers (name -> hash),
--          events (newest first), webhooks (how many are still to be sent), unknown_accounts
--          and unknown_stores (of the oldest jobs that no live worker can run), stores (outages
--          as stores/report writes them, with waiting), quarantined (jobs), config (hash)

local pool = { at = wall, clock = read_hash('{facelift}:clock'),
               queued = redis.call('LLEN', '@QUEUE@'), endpoint = endpoint(),
               counts = read_hash('{facelift}:counts'), accounts = {}, workers = {}, events = {},
               stores = {}, unknown_accounts = {}, unknown_stores = {}, config = config(),
               quarantined = redis.call('ZCARD', '{facelift}:quarantined'),
               webhooks = redis.call('ZCARD', '{facelift}:webhooks') }

-- Whether anything is live is judged by the clock as it is, though no worker may be there to confirm
-- it.
local clock_now = wall + clock_offset

-- The fields of an account, or of the endpoint, with their times as wall times.
local function in_wall_time(hash)
  for field, value in pairs(hash) do
    local is_time = string.find(field, '_at$') or string.find(field, '_until$')
                    or string.find(field, '_since$')
    if is_time and tonumber(value) then hash[field] = timestamp(tonumber(value) - clock_offset) end
  end
  return hash
end

local function note_oldest(id)
  local at = id and tonumber(redis.call('HGET', '{facelift}:job:' .. id, 'created_at') or nil)
  if at then pool.oldest_at = math.min(pool.oldest_at or at, at) end
end

note_oldest(string.match(redis.call('LINDEX', '@QUEUE@', '-1') or '', '"id": ?"([^"]+)"'))
local function note_oldest_of(name)
  for _, flow in ipairs(redis.call('ZRANGE', '{facelift}:account_queue:' .. name, '0', '9')) do
    note_oldest(redis.call('ZRANGE', flow_queue(name, flow), '0', '0')[1])
  end
  note_oldest(redis.call('ZRANGE', '{facelift}:suspect_queue:' .. name, '0', '0')[1])
end

-- The chatbots with the most failures in a row.
local function worst_suspects(name)
  local worst = {}
  local found = redis.call('ZREVRANGEBYSCORE', '{facelift}:suspects:' .. name, '+inf', '2',
                           'WITHSCORES', 'LIMIT', '0', '10')
  for i = 1, #found, 2 do
    local suspect = read_hash('{facelift}:suspect:' .. name .. ':' .. found[i])
    suspect.chatbot_id, suspect.failures = found[i], found[i + 1]
    if suspect.at then worst[#worst + 1] = suspect end
  end
  return worst
end

local live = redis.call('ZRANGEBYSCORE', '{facelift}:workers', timestamp(clock_now), '+inf')

-- The workers that take none of an account's jobs, since they have not the key that works.
local function workers_left(name, shares)
  local left, working, keys = {}, account(shares).working_key, '{facelift}:account_keys:' .. shares
  if not working or redis.call('HLEN', keys) < 2 then return left end
  for _, worker in ipairs(live) do
    local held = redis.call('HGET', '{facelift}:worker_keys:' .. worker, name)
    if held and not string.find(held, working, 1, true) then left[#left + 1] = worker end
  end
  return left
end

-- The state of an account; one that shares a key has the state of all that do.
local function describe(name)
  local registered, it = account(name), {}
  local shares = registered.shares or name
  for field, value in pairs(account(shares)) do it[field] = value end
  it.fingerprint, it.shares = registered.fingerprint, registered.shares
  it.waiting = shares == name and tonumber(it.waiting or 0)
               + redis.call('ZCARD', '{facelift}:suspect_queue:' .. name) or 0
  it.used = redis.call('ZCOUNT', '{facelift}:rate_window:' .. shares,
                       timestamp(clock_now), '+inf')
            + used_elsewhere(shares)
  it.limit = rate(shares) or 0
  it.window = account(shares).window
  it.running = redis.call('ZCARD', '{facelift}:running:' .. shares)
  it.failing_chatbots = redis.call('ZCOUNT', '{facelift}:suspects:' .. shares, '2', '+inf')
  it.worst = worst_suspects(shares)
  it.workers_left = workers_left(name, shares)
  it.blocked_by = blocked_by_account(shares)
  it.took, it.recent = nil, nil
  note_oldest_of(name)
  return in_wall_time(it)
end

local function note_unknown()
  local seen = {}
  for _, id in ipairs(redis.call('ZRANGE', '{facelift}:unknown_jobs', '0', '19')) do
    local its = redis.call('HMGET', '{facelift}:job:' .. id, 'wait_reason', 'account', 'image')
    local list, name = pool.unknown_accounts, its[2] or 'default'
    if its[1] == 'unknown_store' then
      list, name = pool.unknown_stores, string.match(its[3] or '', '^[^:]*')
    end
    local seen_as = (its[1] or '') .. ':' .. name
    if not seen[seen_as] then table.insert(list, name) end
    seen[seen_as] = true
  end
end
note_unknown()

local names = redis.call('SMEMBERS', '{facelift}:accounts')
local by_key = {}
for _, name in ipairs(names) do
  local shares = account(name).shares or name
  by_key[shares] = by_key[shares] or {}
  table.insert(by_key[shares], name)
end
for _, name in ipairs(names) do
  local it = describe(name)
  it.shares_key_with = {}
  for _, other in ipairs(by_key[account(name).shares or name]) do
    if other ~= name then table.insert(it.shares_key_with, other) end
  end
  pool.accounts[name] = it
end
for _, name in ipairs(live) do
  local worker = read_hash('{facelift}:worker:' .. name)
  if next(worker) then
    local its = redis.call('HMGET', '{facelift}:worker_settings:' .. name, 'stores', 'differing')
    worker.stores, worker.differing = its[1] or nil, its[2] or nil
    pool.workers[name] = in_wall_time(worker)
    pool.queued = pool.queued + redis.call('LLEN', '{facelift}:worker_queue:' .. name)
  end
end
for _, event in ipairs(redis.call('LRANGE', '{facelift}:events', '0', tonumber(ARGV[2]) - 1)) do
  table.insert(pool.events, cjson.decode(event))
end
for _, outage in ipairs(redis.call('HVALS', '{facelift}:stores')) do
  outage = cjson.decode(outage)
  outage.waiting = redis.call('ZCARD', '{facelift}:store_queue:' .. outage.store)
  if outage.forget_at > clock_now then table.insert(pool.stores, outage) end
end
in_wall_time(pool.endpoint)
return cjson.encode(pool)
