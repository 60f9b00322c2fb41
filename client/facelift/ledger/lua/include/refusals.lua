-- include: accounts, events, pause, paused_until

-- The endpoint refused the account's key (401, 403): the third time in a row pauses the account.
-- Not if the workers have another key meanwhile.
local function record_refusal(name, outcome, fingerprint)
  local key, it = '{facelift}:account:' .. name, account(name)
  if (it.fingerprint or fingerprint) ~= fingerprint then return end
  local refusals = tonumber(it.refusals or 0) + 1
  update(key, { refusals = refusals, refused_key = fingerprint })
  if refusals < 3 or paused_until(it) then return end
  local reason = 'The endpoint refused its API key ' .. refusals .. ' times in a row ('
                 .. outcome .. ').'
  add_account(name)
  pause(key, outcome, reason, 'facelift', '')
  record_event('account_paused', reason, 'facelift', name)
end

