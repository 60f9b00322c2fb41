-- include: events, pause, paused_until
-- An operator pauses an account, or everything: its jobs wait, running requests finish.
--
-- ARGV: now, account or '' for everything, by whom, why, until (Unix seconds) or ''
-- Replies: 1 paused, 0 it was paused before; this pause replaces that one

local name, by, reason, until_at = ARGV[2], ARGV[3], ARGV[4], ARGV[5]
if name ~= '' then name = account(name).shares or name end
local key = name == '' and '{facelift}:endpoint' or '{facelift}:account:' .. name
local was_paused = paused_until(pool_hash(key))
pause(key, 'operator', reason, by,
      until_at ~= '' and timestamp(tonumber(until_at) + clock_offset) or '')
-- No worker knows it: it joins no index, and is forgotten unless a worker registers it.
if name ~= '' and not account(name).fingerprint then redis.call('EXPIRE', key, '86400') end
local kind = name == '' and 'all_paused' or 'account_paused'
record_event(kind, reason, by, name ~= '' and name or nil)
return was_paused and 0 or 1
