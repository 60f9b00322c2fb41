-- include: accounts, flows
-- queued | running | waiting -> same state: move a job to another priority. A job in its account's
-- queue keeps its place among those of its new flow.
--
-- ARGV: now, job id, priority
-- Replies: 'set', 'unchanged', 'ended' (too late), 'unknown'

local id, priority = ARGV[2], ARGV[3]
local key = '{facelift}:job:' .. id
local job = load_job(id)
if not job then return 'unknown' end
if not is_pending(job.state) then return 'ended' end
if (job.priority or 'normal') == priority and not job.flow then return 'unchanged' end

local name = account_of(job)
local was_in_flow = job.state == 'waiting' and leave_flow(name, id, job)
job.priority, job.flow = priority, nil
redis.call('HDEL', key, 'flow')
if priority == 'normal' then
  redis.call('HDEL', key, 'priority')
else
  redis.call('HSET', key, 'priority', priority)
end
if was_in_flow then
  join_flow(name, id, job)
  schedule_account(name, now)
end
return 'set'
