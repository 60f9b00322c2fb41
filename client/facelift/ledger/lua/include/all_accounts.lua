-- include: accounts

-- Have the scheduler dispatch every account's queue now.
local function schedule_all_accounts()
  for _, name in ipairs(redis.call('SMEMBERS', '{facelift}:accounts')) do
    schedule_account(name, now)
  end
end
