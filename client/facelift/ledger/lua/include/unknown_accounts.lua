-- include: pool_state, records, wait
-- Jobs whose account no worker has registered wait in one queue, whatever their account: made-up
-- accounts cost nobody else anything.

-- While no worker ever registered, every account counts as known.
local function is_unknown(job)
  return not account(own_account(job)).fingerprint and config().breaker_failures ~= nil
end

local function wait_for_registration(id, job)
  redis.call('ZADD', '{facelift}:unknown_accounts', job.queue_position or job.generation, id)
  wait(id, job, 'unknown_account', 'No worker has an API key for its account.',
       now + tonumber(config().unknown_grace or 300))
end
