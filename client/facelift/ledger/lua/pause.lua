-- An operator pauses an account, or everything: its jobs wait, those under way are finished.
--
-- ARGV: now, account or '' for everything, by whom, why, until (Unix seconds) or ''
-- Replies: 1 paused, 0 it was paused before, and is paused by this now

local name, who, why, until_ = ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local key = name == '' and ENDPOINT or ACCOUNT .. name
if name ~= '' then expect_account(name) end
local was_paused = paused_until(pool(key))
if name ~= '' then know(name) end
pause(key, 'operator', why, who, until_)
tell(name == '' and 'all_paused' or 'account_paused', why, who, name ~= '' and name or nil)
return was_paused and 0 or 1
