-- include: pool_state, records
-- Accounts with one API key are one to the endpoint. The account that registered the key first
-- stands for all of them: its rate window, breaker, pauses and queue are theirs (field `shares`).

-- Which account's queue a job belongs to can change with the keys; it is settled before the job
-- joins a queue.
local function settle_account(id, job)
  local shares = account(own_account(job)).shares
  if shares == job.shares then return end
  job.shares = shares
  if shares then
    redis.call('HSET', '{facelift}:job:' .. id, 'shares', shares)
  else
    redis.call('HDEL', '{facelift}:job:' .. id, 'shares')
  end
end
