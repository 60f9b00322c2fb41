-- include: all_accounts, events, paused_until, resume
-- An operator ends the pause of an account (also one that the endpoint asked for or caused), or
-- that of everything.
--
-- ARGV: now, account or '' for everything, by whom
-- Replies: 1 resumed, 0 it was not paused

local name, by = ARGV[2], ARGV[3]
if name ~= '' then name = account(name).shares or name end
local key = name == '' and '{facelift}:endpoint' or '{facelift}:account:' .. name
local it = pool_hash(key)
local was_paused = paused_until(it) or tonumber(it.quiet_until or 0) > now
resume(key, name ~= '' and name)
if name ~= '' and not it.fingerprint
   and redis.call('EXISTS', '{facelift}:account_queue:' .. name) == 0 then
  redis.call('SREM', '{facelift}:accounts', name)  -- no worker has it: a typo, or it is gone
  redis.call('DEL', key)
end
if not was_paused then return 0 end
record_event(name == '' and 'all_resumed' or 'account_resumed', '', by, name ~= '' and name or nil)
if name == '' then
  schedule_all_accounts()
else
  schedule_account(name, now)
end
return 1
