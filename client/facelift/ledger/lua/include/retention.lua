-- include: pool_state
-- How long ended records are kept: what the workers registered, else the defaults of `Retention`.

-- Seconds for a record by the state that it ended in; for 'batch' the longest of these times.
local function retention(ended)
  local is_longer = ended == 'failed' or ended == 'expired' or ended == 'batch'
  return config()['keep_' .. ended] or (is_longer and '2592000' or '604800')
end
