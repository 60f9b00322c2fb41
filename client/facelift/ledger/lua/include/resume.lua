-- include: api_keys

-- End the pause of an account, or of everything, whoever asked for it. name: of the account. A key
-- that the endpoint refused stays a refused one: one job tries it.
local function resume(key, name)
  update(key, { paused = '', pause_reason = '', paused_by = '', paused_at = '', paused_until = '',
                refusals = '', forbidden = '', quiet_until = '', throttles = '' })
  if not name then return end
  for fingerprint, entry in pairs(account_keys(name)) do
    if entry.state == 'refused' then set_key_state(name, fingerprint, 'refused', true) end
  end
end
