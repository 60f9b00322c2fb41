-- include: refusals
-- Register a worker's settings; every worker must have the same, the last one wins. An account
-- whose key was refused resumes if the worker has another key.
--
-- ARGV: now, worker, number of settings, then setting, value, ... ('' removes one), then for each
--       account: name, requests (0 for no limit), their window in seconds, fingerprints of its API
--       keys, the newest first, with a space between
-- Replies: the accounts of which the worker has another key than the one that works

local config, first_account = '{facelift}:config', 4 + 2 * tonumber(ARGV[3])
local schedule = '{facelift}:schedule'
for i = 4, first_account - 1, 2 do
  if ARGV[i + 1] == '' then
    redis.call('HDEL', config, ARGV[i])
  else
    redis.call('HSET', config, ARGV[i], ARGV[i + 1])
  end
end
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

local worker, others = ARGV[2], {}
local of_worker = '{facelift}:worker_keys:' .. worker
if worker ~= '' then redis.call('DEL', of_worker) end
for i = first_account, #ARGV, 4 do
  local name, offered = ARGV[i], words(ARGV[i + 3])
  local key, it = '{facelift}:account:' .. name, account(name)
  if not it.fingerprint and redis.call('EXISTS', '{facelift}:unknown_accounts') == 1 then
    redis.call('ZADD', schedule, now_text, 'unknown_accounts')
  end
  if worker ~= '' then
    redis.call('HSET', of_worker, name, ARGV[i + 3])
    redis.call('EXPIRE', of_worker, '7200')  -- the worker registers every minute
  end
  register_keys(name, worker, offered)
  update(key, { limit = ARGV[i + 1], window = ARGV[i + 2] })
  update(key, { shares = settle_key(name, it.fingerprint) })
  if has_other_key(it.shares or name, offered) then others[#others + 1] = name end
  redis.call('PERSIST', key)  -- pause.lua lets the pause of an unknown account expire
  add_account(name)
  schedule_account(name, now)
end
return others
