-- include: accounts, records, wait

-- state -> waiting in its account's queue, which the scheduler dispatches at a time.
local function join_account_queue(id, job, reason, message, at)
  local name = account_of(job)
  -- Thousands may wait, and Redis keeps a hash small only while its values are short; explain.lua
  -- has the whole sentence.
  local brief = { all_paused = 'Everything is paused.', account_paused = 'Its account is paused.',
                  endpoint_down = 'The endpoint is down.' }
  redis.call('ZADD', '{facelift}:account_queue:' .. name, job.queue_position or job.generation, id)
  wait(id, job, reason, brief[reason] or message)
  add_account(name)
  schedule_account(name, at)
end
