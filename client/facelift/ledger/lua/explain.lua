-- What a job that waits for its account's turn waits for, as it is now.
--
-- ARGV: now, job id
-- Replies: {reason, message, until}, until is an estimate; {} if it does not wait for that

local id = ARGV[2]
local job = load(id)
if not job then return {} end
local name = account_of(job)
local before = redis.call('ZRANK', ACCOUNT_QUEUE .. name, id)
if not before then return {} end

local reason, message, at = closed_gate(id, name)
if not reason and not is_closed() then
  reason, message, at = outage()  -- one of them goes as the probe, the others wait on
end
if not reason then
  local limit, window = rate(name)
  at = next_permit(name)
  if before > 0 then
    local jobs = before == 1 and ' earlier job of its account goes first.'
                 or ' earlier jobs of its account go first.'
    reason, message = 'backlog', before .. jobs
  else
    reason, message = 'rate_limited', 'Its account has used up its rate for the moment.'
  end
  at = (at or now) + (limit and before * window / limit or 0)
end
return { reason, message, seconds(math.min(at, tonumber(job.expires_at))) }
