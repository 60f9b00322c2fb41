-- include: api_keys, events, pause, paused_until
-- What the endpoint says of an account's API key: it refused the key (401), refused what the
-- account may do (403), or took an upload.

local function is_paused_for_key(name)
  local it = account(name)
  return paused_until(it) and (it.paused == 'unauthorized' or it.paused == 'forbidden')
end

local function pause_for_key(name, code, reason)
  if paused_until(account(name)) then return end
  add_account(name)
  pause('{facelift}:account:' .. name, code, reason, 'facelift', '')
  record_event('account_paused', reason, 'facelift', name)
end

-- End a pause for a refused key; what is known of the keys stays.
local function end_key_pause(name, reason)
  if not is_paused_for_key(name) then return end
  pause('{facelift}:account:' .. name, '', '', '', '')
  update('{facelift}:account:' .. name, { paused_at = '' })
  record_event('account_resumed', reason, 'facelift', name)
  schedule_account(name, now)
end

-- A key is refused, and another one wanted.
local function give_up_key(name, id, job, fingerprint)
  local key = '{facelift}:account:' .. name
  set_key_state(name, fingerprint, 'refused')
  if account(name).working_key == fingerprint then
    update(key, { working_key = '', refusals = '' })
  end
  end_key_probe(name, id, job)
end

-- Without a key that may be tried, the account is paused. held: keys that a worker has besides
-- those that are registered.
local function check_for_usable_key(name, held)
  if not account(name).working_key and not has_usable_key(name, held) then
    pause_for_key(name, 'unauthorized', 'The endpoint refused its API key (401).')
  end
end

-- The endpoint refused the key of a job's request (401). A key that works is refused for good the
-- third time in a row; any other at once. Returns 'key' if the key is refused, 'again' if that is
-- not certain yet, 'chatbot' if the key took another chatbot's upload since it was refused for this
-- one.
local function refuse_key(name, id, job, fingerprint, held)
  local key, it = '{facelift}:account:' .. name, account(name)
  local entry = account_keys(name)[fingerprint]
  if fingerprint == it.working_key and entry and entry.state == 'works' then
    local since = tonumber(job.key_refused_at or nil)
    local refusals = tonumber(it.refusals or 0) + 1
    local is_chatbot = since and tonumber(it.key_worked_at or 0) > since
    redis.call('HSET', '{facelift}:job:' .. id, 'key_refused_at', now_text)
    update(key, { refusals = is_chatbot and refusals - 1 or refusals })
    if is_chatbot then return 'chatbot' end
    if refusals < 3 then return 'again' end
  end
  give_up_key(name, id, job, fingerprint)
  check_for_usable_key(name, held)
  return 'key'
end

-- The endpoint refused what a job asked for (403): the third chatbot in a row pauses the account,
-- and so does a job that tries its key. That is the account's affair, whichever key it uses.
local function record_forbidden(name, id, job, fingerprint)
  local key, it = '{facelift}:account:' .. name, account(name)
  if it.working_key and it.working_key ~= fingerprint then return end
  local chatbots = it.forbidden and cjson.decode(it.forbidden) or {}
  for _, chatbot in ipairs(chatbots) do
    if chatbot == job.chatbot_id then return end
  end
  chatbots[#chatbots + 1] = job.chatbot_id
  update(key, { forbidden = cjson.encode(chatbots) })
  if #chatbots < 3 and not job.key_probe then return end
  local why = #chatbots < 3 and 'The endpoint still refuses its uploads (403).'
              or 'The endpoint refused uploads of 3 chatbots in a row (403).'
  update(key, { forbidden = '' })
  for other in pairs(account_keys(name)) do set_key_state(name, other, 'refused') end
  give_up_key(name, id, job, fingerprint)
  pause_for_key(name, 'forbidden', why)
end

-- The endpoint took an upload with a key.
local function accept_key(name, fingerprint)
  local key, it = '{facelift}:account:' .. name, account(name)
  if it.refusals and fingerprint == it.working_key then
    update(key, { refusals = '', key_worked_at = now_text })
  end
  if it.forbidden then update(key, { forbidden = '' }) end
  local is_proven = fingerprint == it.proven_key and it.proven_key == it.working_key
  if fingerprint == '' or is_proven then return end
  local entry = account_keys(name)[fingerprint]
  if it.working_key and entry and entry.state == 'works' then return end  -- an older one
  set_key_state(name, fingerprint, 'works')
  update(key, { working_key = fingerprint, proven_key = fingerprint, fingerprint = fingerprint })
  end_key_pause(name, 'The endpoint accepts its API key.')
  schedule_account(name, now)
end
