-- include: accounts, events, resume
-- Register a worker's settings; every worker must have the same, the last one wins. An account
-- whose key was refused resumes if the worker has another key.
--
-- ARGV: now, number of settings, then setting, value, ... ('' removes one), then for each account:
--       name, requests (0 for no limit), their window in seconds, fingerprint of its API key
-- Replies: nothing

local config, first_account = '{facelift}:config', 3 + 2 * tonumber(ARGV[2])
local schedule = '{facelift}:schedule'
for i = 3, first_account - 1, 2 do
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

for i = first_account, #ARGV, 4 do
  local name, fingerprint = ARGV[i], ARGV[i + 3]
  local key, it = '{facelift}:account:' .. name, account(name)
  local was_refused = it.paused == 'unauthorized' or it.paused == 'forbidden'
  if was_refused and it.refused_key ~= fingerprint then
    resume(key)
    record_event('account_resumed', 'Its API key was changed.', 'facelift', name)
  end
  if it.fingerprint ~= fingerprint then
    update(key, { refusals = '' })
    if not it.fingerprint and redis.call('EXISTS', '{facelift}:unknown_accounts') == 1 then
      redis.call('ZADD', schedule, now_text, 'unknown_accounts')
    end
  end
  update(key, { limit = ARGV[i + 1], window = ARGV[i + 2], fingerprint = fingerprint })
  update(key, { shares = settle_key(name, fingerprint) })
  redis.call('PERSIST', key)  -- pause.lua lets the pause of an unknown account expire
  add_account(name)
  schedule_account(name, now)
end
