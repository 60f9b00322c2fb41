-- include: clock
-- The index of accounts, and their entries in the schedule.

local function add_account(name) redis.call('SADD', '{facelift}:accounts', name) end

-- Have the scheduler dispatch an account's queue at a time.
local function schedule_account(name, at)
  redis.call('ZADD', '{facelift}:schedule', timestamp(at), 'account:' .. name)
end
