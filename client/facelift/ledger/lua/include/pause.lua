-- include: clock, pool_state

-- Pause an account, or everything, by the key of its hash.
-- code: 'operator' or an outcome code; until_at: Unix seconds, '' until somebody resumes it
local function pause(key, code, reason, by, until_at)
  update(key, { paused = code, pause_reason = reason, paused_by = by,
                paused_at = now_text, paused_until = until_at })
end
