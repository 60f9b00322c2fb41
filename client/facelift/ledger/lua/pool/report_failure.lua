-- include: breaker, breaker_results, events
-- A request failed: the breaker opens after too many failures in a row, or too large a share of
-- the requests in its window. A probe that fails opens it again.
--
-- ARGV: now, job id, what happened in a sentence
-- Replies: 1 the attempt counts, 0 the breaker is open: it is not the job's fault

local id, sentence = ARGV[2], ARGV[3]
local key = '{facelift}:endpoint'
local pause = tonumber(config().breaker_pause or 5)

if not is_closed() then
  if endpoint().probe == id then
    update(key, { breaker = 'open', probe = '', breaker_until = timestamp(now + pause) })
  end
  return 0
end

local in_a_row = tonumber(endpoint().failures or 0) + 1
update(key, { failures = in_a_row })
count_result('failed')

local failed, all, window = 0, 0, tonumber(config().breaker_window or 30)
for ago = 0, 5 do
  local name = bucket(ago, window)
  local counts = redis.call('HMGET', '{facelift}:breaker_results', name .. ':failed', name .. ':ok')
  failed = failed + tonumber(counts[1] or 0)
  all = all + tonumber(counts[1] or 0) + tonumber(counts[2] or 0)
end

local reason
if in_a_row >= tonumber(config().breaker_failures or 10) then
  reason = in_a_row .. ' requests in a row failed; the last: ' .. sentence
elseif all >= 20 and failed / all >= tonumber(config().breaker_share or 0.5) then
  reason = failed .. ' of the last ' .. all .. ' requests failed; the last: ' .. sentence
end
if reason then
  update(key, { breaker = 'open', breaker_since = now_text, breaker_reason = reason,
                breaker_until = timestamp(now + pause) })
  record_event('breaker_opened', reason, 'facelift')
end
return 1
