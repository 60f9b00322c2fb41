-- include: accounts, pool_state
-- An account's API keys, known by their fingerprints. `account_keys` has what became of each, JSON:
--
-- state: new, works (an upload with it succeeded), or refused
-- at: since when
-- may_try: somebody resumed the account: a refused key may be tried once more
--
-- The account's `working_key` is the newest key that works; the first key that an account ever had
-- is taken for one. Without a working key one job at a time tries another: `key_probe` is its id.
-- `worker_keys` has which keys each worker holds for an account, its newest first.

local known_keys = {}

local function words(text)
  local found = {}
  for word in string.gmatch(text, '%S+') do found[#found + 1] = word end
  return found
end

local function account_keys(name)
  if not known_keys[name] then
    known_keys[name] = {}
    for fingerprint, entry in pairs(read_hash('{facelift}:account_keys:' .. name)) do
      known_keys[name][fingerprint] = cjson.decode(entry)
    end
  end
  return known_keys[name]
end

local function set_key_state(name, fingerprint, state, may_try)
  local entry = { state = state, at = now_text, may_try = may_try }
  account_keys(name)[fingerprint] = entry
  redis.call('HSET', '{facelift}:account_keys:' .. name, fingerprint, cjson.encode(entry))
end

-- Whether a key may be tried, as far as is known of it.
local function is_usable(name, fingerprint)
  local entry = account_keys(name)[fingerprint]
  return not entry or entry.state ~= 'refused' or entry.may_try
end

-- The keys of an account that live workers hold, and one worker besides, as a set.
local function held_keys(name, worker)
  local workers = redis.call('ZRANGEBYSCORE', '{facelift}:workers', now_text, '+inf')
  workers[#workers + 1] = worker
  local held = {}
  for _, each in ipairs(workers) do
    local keys = redis.call('HGET', '{facelift}:worker_keys:' .. each, name) or ''
    for _, fingerprint in ipairs(words(keys)) do held[fingerprint] = true end
  end
  if not next(held) and account(name).fingerprint then held[account(name).fingerprint] = true end
  return held
end

-- Whether a live worker holds a key that may be tried, or one of some more does.
local function has_usable_key(name, more)
  for _, fingerprint in ipairs(more or {}) do
    if is_usable(name, fingerprint) then return true end
  end
  for fingerprint in pairs(held_keys(name)) do
    if is_usable(name, fingerprint) then return true end
  end
  return false
end

-- Whether the account's key is still to be proven: one job at a time goes.
local function needs_key_probe(name)
  return account(name).fingerprint and not account(name).working_key
end

-- The job that tries a key, if it is on its way.
local function key_probe(name)
  local id = account(name).key_probe
  local state = id and redis.call('HGET', '{facelift}:job:' .. id, 'state')
  return (state == 'queued' or state == 'running') and id or nil
end

local function start_key_probe(name, id, job)
  job.key_probe = '1'
  redis.call('HSET', '{facelift}:job:' .. id, 'key_probe', '1')
  update('{facelift}:account:' .. name, { key_probe = id })
end

-- A job that tried a key is over; if it proved nothing, another tries it.
local function end_key_probe(name, id, job)
  if not job.key_probe then return end
  job.key_probe = nil
  redis.call('HDEL', '{facelift}:job:' .. id, 'key_probe')
  if account(name).key_probe == id then
    update('{facelift}:account:' .. name, { key_probe = '' })
    schedule_account(name, now)
  end
end
