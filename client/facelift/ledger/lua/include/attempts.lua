-- Attempts in a job's record.

-- Append an attempt (JSON) that used up 0 or 1 of the job's attempts. A record keeps the newest 32.
local function record_attempt(id, job, attempt, used)
  local key, number = '{facelift}:job:' .. id, tonumber(job.history or 0) + 1
  redis.call('HSET', key, 'history', number, 'attempt:' .. number, attempt,
             'attempts_used', tonumber(job.attempts_used or 0) + used)
  if number > 32 then redis.call('HDEL', key, 'attempt:' .. (number - 32)) end
end
