-- include: account_gate, permits, records
-- What a job in its account's queue waits for at present.
--
-- ARGV: now, job id
-- Replies: {reason, message, until (an estimate)}; {} if it is not in its account's queue

local id = ARGV[2]
local job = load_job(id)
if not job then return {} end
local name = account_of(job)
local before = redis.call('ZRANK', '{facelift}:account_queue:' .. name, id)
if not before then return {} end

local reason, message, at = blocked_by_account(id, name)
if not reason and not is_closed() then
  reason, message, at = breaker_block()  -- one of them goes as the probe, the others wait on
end
if not reason then
  local limit, window = rate(name)
  at = next_permit_at(name)
  if before > 0 then
    local jobs = before == 1 and ' earlier job of its account goes first.'
                 or ' earlier jobs of its account go first.'
    reason, message = 'backlog', before .. jobs
  else
    reason, message = 'rate_limited', 'Its account has used up its rate for the moment.'
  end
  at = (at or now) + (limit and before * window / limit or 0)
end
return { reason, message, timestamp(math.min(at, tonumber(job.expires_at))) }
