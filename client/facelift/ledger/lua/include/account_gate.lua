-- include: breaker, paused_until, rate
-- What keeps an account's jobs from the endpoint: pauses, the endpoint's requests to wait, the breaker.

local function pause_message(hash, what)
  local reason = hash.pause_reason or ''
  return what .. ' is paused by ' .. hash.paused_by .. (reason ~= '' and ': ' .. reason or '.')
end

local function breaker_block()
  return 'endpoint_down',
         'The endpoint is down; it is tried every few seconds. '
         .. (endpoint().breaker_reason or ''),
         tonumber(endpoint().breaker_until)
end

-- A wait reason, a sentence, and when it may be over; nil if nothing does. A probe passes an open
-- breaker.
local function blocked_by_account(id, name)
  local at = paused_until(endpoint())
  if at then return 'all_paused', pause_message(endpoint(), 'Everything'), at end
  at = paused_until(account(name))
  if at then return 'account_paused', pause_message(account(name), 'The account ' .. name), at end
  at = tonumber(account(name).quiet_until or 0)
  if at > now then return 'rate_limited', 'The endpoint asked for a pause.', at end
  if is_closed() or endpoint().probe == id or tonumber(endpoint().breaker_until) <= now then
    return nil
  end
  return breaker_block()
end
