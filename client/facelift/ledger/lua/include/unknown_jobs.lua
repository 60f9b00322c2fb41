-- include: able_workers, wait
-- Jobs that no live worker can run wait in one queue, whatever their account and image store:
-- made-up names cost nobody else anything.

-- Whether no worker ever registered the account of a job. While no worker registered any, every
-- account counts as known.
local function is_unknown(job)
  return not account(own_account(job)).fingerprint and config().breaker_failures ~= nil
end

-- reason: 'unknown_account' or 'unknown_store'
local function wait_for_able_worker(id, job, reason)
  redis.call('ZADD', '{facelift}:unknown_jobs', job.queue_position or job.generation, id)
  local message = reason == 'unknown_store' and 'No worker knows its image store.'
                  or 'No worker has an API key for its account.'
  wait(id, job, reason, message, now + tonumber(config().unknown_grace or 300))
end
