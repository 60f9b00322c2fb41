-- include: pool_state

-- End the pause of an account, or of everything, whoever asked for it.
local function resume(key)
  update(key, { paused = '', pause_reason = '', paused_by = '', paused_at = '', paused_until = '',
                refusals = '', refused_key = '', quiet_until = '', throttles = '' })
end
