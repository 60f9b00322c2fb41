-- include: account_gate, flow_names, permits, records
-- What a job in its account's queue waits for at present.
--
-- ARGV: now, job id
-- Replies: {reason, message, until (an estimate)}; {} if it is not in its account's queue

local id = ARGV[2]
local job = load_job(id)
if not job or job.state ~= 'waiting' then return {} end
local name = account_of(job)
local flows = '{facelift}:account_queue:' .. name
local suspects = '{facelift}:suspect_queue:' .. name

-- How many jobs of other flows go before the one at a rank of its flow.
local function others_before(flow, rank)
  local weight = weight_of(flow)
  local tag = tonumber(redis.call('ZSCORE', flows, flow) or 0) + rank / weight
  local before = 0
  local tags = redis.call('ZRANGE', flows, '0', '99', 'WITHSCORES')
  for i = 1, #tags, 2 do
    local other, start = tags[i], tonumber(tags[i + 1])
    if other ~= flow and start <= tag then
      local served = math.floor((tag - start) * weight_of(other)) + 1
      before = before + math.min(served, redis.call('ZCARD', flow_queue(name, other)))
    end
  end
  return before
end

local flow = flow_of(job)
local rank = redis.call('ZRANK', flow_queue(name, flow), id)
local suspect_rank = not rank and redis.call('ZRANK', suspects, id)
if not rank and not suspect_rank then return {} end
local before = rank and rank + others_before(flow, rank)
               or suspect_rank * (account(name).waiting and 5 or 1)

local reason, message, at = blocked_by_account(name)
if not reason then
  local limit, window = rate(name)
  at = next_permit_at(name)
  if suspect_rank then
    reason, message = 'chatbot_failing', 'Its chatbot\'s last upload failed; others go first.'
  elseif before > 0 then
    local jobs = before == 1 and ' other job of its account goes first.'
                 or ' other jobs of its account go first.'
    reason, message = 'backlog', before .. jobs
  else
    reason, message = 'rate_limited', 'Its account has used up its rate for the moment.'
  end
  at = (at or now) + (limit and before * window / limit or 0)
end
return { reason, message, timestamp(math.min(at - clock_offset, tonumber(job.expires_at))) }
