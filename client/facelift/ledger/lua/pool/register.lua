-- include: refusals
-- Register what a worker can do, and its settings for the pool: those of the worker that started
-- last hold. An account whose key was refused resumes if the worker has another key.
--
-- ARGV: now, worker, its image stores ('a b') or '' for any, when it started (Unix seconds) or '' if
--       this is not known yet, seconds since then, number of settings, then setting, value, ... ('' is
--       none), then for each account: name, requests (0 for no limit), their window in seconds,
--       fingerprints of its API keys, the newest first, with a space between
-- Replies: {when the worker started, {accounts of which it has another key than the one that works},
--           {settings in which it differs from what holds}}

local worker, stores = ARGV[2], ARGV[3]
local started = tonumber(ARGV[4]) or now - tonumber(ARGV[5])
local config_key, first_account = '{facelift}:config', 7 + 2 * tonumber(ARGV[6])
local changed, differing = {}, {}

-- Write settings into a shared hash, unless those of a worker hold that started later, or at the same
-- time. `start` is the field that says when that was. label: names each in events and for people.
local function settle(key, settings, start, label)
  local hash, others = pool_hash(key), {}
  for field, value in pairs(settings) do
    if (hash[field] or '') ~= value then others[label or field] = true end
  end
  local is_newest = started > tonumber(hash[start] or 0) + 1
  if is_newest then
    for name in pairs(hash[start] and others or {}) do changed[#changed + 1] = name end
    if next(others) then update(key, settings) end
    update(key, { [start] = timestamp(started) })
  else
    for name in pairs(others) do differing[#differing + 1] = name end
  end
end

local settings = {}
for i = 7, first_account - 1, 2 do settings[ARGV[i]] = ARGV[i + 1] end
settle(config_key, settings, 'newest_start')

-- The account that registered a key first stands for all that have it.
local function settle_key(name, fingerprint)
  local holder = redis.call('HGET', '{facelift}:api_keys', fingerprint)
  if not holder or account(holder).fingerprint ~= fingerprint then
    redis.call('HSET', '{facelift}:api_keys', fingerprint, name)
    holder = name
  end
  return holder ~= name and holder or ''
end

-- Note which keys of an account the worker holds, the newest first. A new key is tried by one job;
-- the first one that the account ever had is taken for one that works.
local function register_keys(name, worker, offered)
  local key, it = '{facelift}:account:' .. name, account(name)
  local keys, newest = account_keys(name), offered[1]
  if not keys[newest] and not next(keys) then update(key, { working_key = newest }) end
  if newest == it.working_key then
    if it.fingerprint ~= newest then update(key, { fingerprint = newest }) end
  else  -- rare: it asks for what all workers hold
    local held = held_keys(name, worker)
    if not keys[newest] or not held[it.fingerprint] then update(key, { fingerprint = newest }) end
    if it.working_key and not held[it.working_key] then update(key, { working_key = '' }) end
  end
  for _, fingerprint in ipairs(offered) do
    if is_usable(name, fingerprint) then end_key_pause(name, 'Its API key was changed.') end
    if not keys[fingerprint] then set_key_state(name, fingerprint, 'new') end
  end
end

-- Whether the account's working key is none of those that the worker holds.
local function has_other_key(name, offered)
  local working = account(name).working_key
  for _, fingerprint in ipairs(offered) do
    if fingerprint == working then return false end
  end
  return working ~= nil
end

local others = {}
local of_worker, its = '{facelift}:worker_keys:' .. worker, '{facelift}:worker_settings:' .. worker
local held_before = read_hash(of_worker)
local is_able_to_more = worker ~= '' and (redis.call('HGET', its, 'stores') or '') ~= stores
if worker ~= '' then redis.call('DEL', of_worker) end
for i = first_account, #ARGV, 4 do
  local name, offered = ARGV[i], words(ARGV[i + 3])
  local key, it = '{facelift}:account:' .. name, account(name)
  if not it.fingerprint or worker ~= '' and not held_before[name] then is_able_to_more = true end
  if worker ~= '' then
    redis.call('HSET', of_worker, name, ARGV[i + 3])
    redis.call('EXPIRE', of_worker, '7200')  -- the worker registers every minute
  end
  register_keys(name, worker, offered)
  settle(key, { limit = ARGV[i + 1], window = ARGV[i + 2] }, 'rate_start',
         'rate limit of account ' .. name)
  update(key, { shares = settle_key(name, it.fingerprint) })
  if has_other_key(it.shares or name, offered) then others[#others + 1] = name end
  redis.call('PERSIST', key)  -- pause.lua lets the pause of an unknown account expire
  add_account(name)
  schedule_account(name, now)
end
table.sort(changed)
table.sort(differing)
if worker ~= '' then
  redis.call('HSET', its, 'stores', stores, 'differing', table.concat(differing, ', '))
  if stores == '' then redis.call('HDEL', its, 'stores') end
  redis.call('EXPIRE', its, '7200')
end
if is_able_to_more and redis.call('EXISTS', '{facelift}:unknown_jobs') == 1 then
  redis.call('ZADD', '{facelift}:schedule', now_text, 'unknown_jobs')
end
if #changed > 0 then
  update(config_key, { generation = tonumber(config().generation or 1) + 1, settings_of = worker })
  record_event('settings_changed', 'Those of worker ' .. worker .. ', which started last, hold: '
               .. table.concat(changed, ', ') .. '.', 'facelift')
elseif not config().generation then
  update(config_key, { generation = 1, settings_of = worker })
end
return { timestamp(started), others, differing }
