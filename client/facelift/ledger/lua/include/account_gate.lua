-- include: api_keys, breaker, paused_until, rate
-- What keeps an account's jobs from the endpoint: pauses, an API key that is not proven, requests
-- of the endpoint, breakers.
-- Each function returns a wait reason, a sentence, and when it may be over; nil if nothing does.

local function pause_message(hash, what)
  local reason = hash.pause_reason or ''
  return what .. ' is paused by ' .. hash.paused_by .. (reason ~= '' and ': ' .. reason or '.')
end

-- While an account has no key that works, one job at a time tries another.
local function blocked_by_key(name, job)
  if not needs_key_probe(name) or job and job.key_probe or not key_probe(name) then return nil end
  return 'account_paused', 'One upload tries the API key of the account ' .. name .. ' first.',
         now + 5
end

local function blocked_by_pause(name, job)
  local at = paused_until(endpoint())
  if at then return 'all_paused', pause_message(endpoint(), 'Everything'), at end
  at = paused_until(account(name))
  if at then return 'account_paused', pause_message(account(name), 'The account ' .. name), at end
  local reason, message
  reason, message, at = blocked_by_key(name, job)
  if reason then return reason, message, at end
  at = tonumber(account(name).quiet_until or 0)
  if at > now then return 'rate_limited', 'The endpoint asked for a pause.', at end
  return nil
end

local function blocked_by_breaker(name)
  local key = open_breaker(name)
  if not key then return nil end
  local it = pool_hash(key)
  local at = math.max(now, tonumber(it.breaker_until or 0))
  if key == endpoint_key then
    return 'endpoint_down',
           'The endpoint is down; it is probed every few seconds. ' .. (it.breaker_reason or ''), at
  end
  return 'account_failing',
         'Uploads of the account ' .. name .. ' fail; it is probed every few seconds. '
         .. (it.breaker_reason or ''), at
end

-- A probe passes an open breaker.
local function blocked_by_account(name, job)
  local reason, message, at = blocked_by_pause(name, job)
  if reason then return reason, message, at end
  if job and job.probe then return nil end
  return blocked_by_breaker(name)
end
