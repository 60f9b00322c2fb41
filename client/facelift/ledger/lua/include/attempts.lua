-- Attempts in a job's record.

-- Write an attempt (JSON), and other fields with it. A record keeps the newest 32.
local function append_attempt(key, number, attempt, ...)
  redis.call('HSET', key, 'attempt:' .. number, attempt, ...)
  if number > 32 then redis.call('HDEL', key, 'attempt:' .. (number - 32)) end
end

-- A repeat's attempt is one of the job that it repeats, too, and uses up none.
local function copy_to_repeated(job, attempt)
  local key, last = '{facelift}:job:' .. job.repeats, 0
  for _, field in ipairs(redis.call('HKEYS', key)) do
    last = math.max(last, tonumber(string.match(field, '^attempt:(%d+)$') or 0))
  end
  if last == 0 then return end  -- the record has expired
  append_attempt(key, last + 1, (string.gsub(attempt, '"counted":true', '"counted":false')))
end

-- Append an attempt (JSON) that used up 0 or 1 of the job's attempts.
local function record_attempt(id, job, attempt, used)
  local key, number = '{facelift}:job:' .. id, tonumber(job.history or 0) + 1
  append_attempt(key, number, attempt, 'history', number, 'attempts_used',
                 tonumber(job.attempts_used or 0) + used)
  if job.repeats then copy_to_repeated(job, attempt) end
end
