-- include: flow_names, pool_state, records
-- Who goes next within an account: start-time fair queueing. Each flow that has waiting jobs has a
-- start tag in `account_queue`; the flow with the smallest goes, and its tag moves on by one over
-- its weight. A flow that was idle starts at the present (`virtual_time`); if it was idle for a
-- moment only, its tag stands in `idle_flows`.

local function count_waiting(name, by)
  local waiting = math.max(0, tonumber(account(name).waiting or 0) + by)
  update('{facelift}:account:' .. name, { waiting = waiting > 0 and waiting or '' })
end

-- When the flow of a job is due, in virtual time: at the present, or once its last turns are paid.
local function idle_tag(name, flow)
  return math.max(tonumber(account(name).virtual_time or 0),
                  tonumber(redis.call('ZSCORE', '{facelift}:idle_flows:' .. name, flow) or 0))
end

-- Whether a job may go before the queue: its flow has no waiting job, and is ahead of the others by
-- a few turns at most. Only while jobs of others wait does that use up a turn.
local function is_idle_flow(name, job)
  if not account(name).waiting then return true end
  local flow = flow_of(job)
  return idle_tag(name, flow) < tonumber(account(name).virtual_time or 0) + 5
         and not redis.call('ZSCORE', '{facelift}:account_queue:' .. name, flow)
end

local function use_turn(name, job)
  if not account(name).waiting then return end
  local flow, idle = flow_of(job), '{facelift}:idle_flows:' .. name
  local finish = idle_tag(name, flow) + 1 / weight_of(flow)
  redis.call('ZADD', idle, string.format('%.6f', finish), flow)
  redis.call('EXPIRE', idle, '3600')
end

local function join_flow(name, id, job)
  local flow = flow_of(job)
  local position = job.queue_position or job.generation
  if redis.call('ZADD', flow_queue(name, flow), position, id) == 0 then return end
  count_waiting(name, 1)
  if redis.call('ZSCORE', '{facelift}:account_queue:' .. name, flow) then return end
  redis.call('ZADD', '{facelift}:account_queue:' .. name,
             string.format('%.6f', idle_tag(name, flow)), flow)
end

-- Whether the job was there.
local function leave_flow(name, id, job)
  local flow = flow_of(job)
  local queue = flow_queue(name, flow)
  if redis.call('ZREM', queue, id) == 0 then return false end
  count_waiting(name, -1)
  if redis.call('EXISTS', queue) == 0 then
    redis.call('ZREM', '{facelift}:account_queue:' .. name, flow)
  end
  return true
end

-- Take the next job of an account: the oldest of its flow, or the newest. nil if none waits.
local function take_from_flows(name, is_newest)
  local queues, idle = '{facelift}:account_queue:' .. name, '{facelift}:idle_flows:' .. name
  local first = redis.call('ZRANGE', queues, '0', '0', 'WITHSCORES')
  local flow, tag = first[1], tonumber(first[2])
  if not flow then return nil end
  local queue = flow_queue(name, flow)
  local id = redis.call(is_newest and 'ZPOPMAX' or 'ZPOPMIN', queue)[1]
  count_waiting(name, id and -1 or 0)
  update('{facelift}:account:' .. name, { virtual_time = string.format('%.6f', tag) })
  local finish = string.format('%.6f', tag + 1 / weight_of(flow))
  if redis.call('EXISTS', queue) == 1 then
    redis.call('ZADD', queues, finish, flow)
  else
    redis.call('ZREM', queues, flow)
    redis.call('ZREMRANGEBYSCORE', idle, '-inf', string.format('%.6f', tag))
    redis.call('ZADD', idle, finish, flow)
    redis.call('EXPIRE', idle, '3600')
  end
  return id or take_from_flows(name, is_newest)
end

-- Take the newest or a random job of a random flow, as a probe. nil if none waits.
local function take_from_any_flow(name, is_newest)
  local flow = redis.call('ZRANDMEMBER', '{facelift}:account_queue:' .. name, '1')[1]
  if not flow then return nil end
  local queue = flow_queue(name, flow)
  local id = is_newest and redis.call('ZREVRANGE', queue, '0', '0')[1]
             or redis.call('ZRANDMEMBER', queue, '1')[1]
  if id then redis.call('ZREM', queue, id) end
  count_waiting(name, id and -1 or 0)
  if redis.call('EXISTS', queue) == 0 then
    redis.call('ZREM', '{facelift}:account_queue:' .. name, flow)
  end
  return id or take_from_any_flow(name, is_newest)
end
