-- include: clock, pool_state, records
-- Chatbots with a request that was sent and not answered: the endpoint may still apply it, after a
-- newer one. `unsettled` has what such requests sent, by the time until which that may happen.

-- Seconds for which that is kept longer: a newer request may have begun before.
local marks_kept = 600

local nothing_sent = 'nothing'  -- the `sent_sha256` of a removal

-- What a job's request sent: the same stored bytes in the same fit are the same image.
local function sent_by(job)
  return job.sent_sha256 .. ':' .. (job.fit or 'strict') .. (job.fit_focus or '')
end

-- A job's request is over. Unless an answer settled it, its chatbot is unsettled for a while.
local function mark_unsettled(name, id, job)
  if not job.sent_sha256 or job.settled then return end
  local began = tonumber(redis.call('ZSCORE', '{facelift}:running:' .. name, id) or nil)
  if not began or began > 8e15 then return end  -- it made no request
  local at = began + tonumber(config().unsettled_for or 120)
  if at <= now then return end
  local key = '{facelift}:unsettled:' .. chatbot_of(job)
  redis.call('ZREMRANGEBYSCORE', key, '-inf', timestamp(now - marks_kept))
  redis.call('ZADD', key, timestamp(at), sent_by(job))
  local last = redis.call('ZRANGE', key, '-1', '-1', 'WITHSCORES')[2]
  redis.call('EXPIRE', key, math.ceil(tonumber(last) - now) + 7200)  -- though the clock may be set
end

-- Until when the endpoint may apply something else than what the job just did, and whether that is
-- an 'upload' or a 'removal'; nil if it did not since that request began, and will not.
local function unsettled_until(id, job)
  if not job.sent_sha256 then return nil end
  local at, what
  local began = redis.call('ZSCORE', '{facelift}:running:' .. account_of(job), id) or now_text
  local marks = redis.call('ZRANGEBYSCORE', '{facelift}:unsettled:' .. chatbot_of(job),
                           '(' .. began, '+inf', 'WITHSCORES')
  for i = 1, #marks, 2 do
    if marks[i] ~= sent_by(job) then
      at = tonumber(marks[i + 1])
      what = string.find(marks[i], nothing_sent, 1, true) == 1 and 'removal' or 'upload'
    end
  end
  return at, what
end
