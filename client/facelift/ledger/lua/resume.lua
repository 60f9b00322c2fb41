-- An operator ends the pause of an account (also one that the endpoint asked for or caused),
-- or that of everything.
--
-- ARGV: now, account or '' for everything, by whom
-- Replies: 1 resumed, 0 it was not paused

local name, who = ARGV[2], ARGV[3]
local key = name == '' and ENDPOINT or ACCOUNT .. name
if name ~= '' then expect_account(name) end
local it = pool(key)
local was_paused = paused_until(it) or tonumber(it.quiet_until or 0) > now
resume(key)
if name ~= '' and not it.fingerprint and redis.call('EXISTS', ACCOUNT_QUEUE .. name) == 0 then
  redis.call('SREM', ACCOUNTS, name)  -- no worker has it: the pause was a typo, or it is gone
  redis.call('DEL', key)
end
if not was_paused then return 0 end
tell(name == '' and 'all_resumed' or 'account_resumed', '', who, name ~= '' and name or nil)
if name == '' then
  look_at_all_accounts()
else
  look_at_account(name, now)
end
return 1
