-- include: pool_state, records
-- Which workers can run a job: those that know its image store and have an API key of its account.
-- `worker_settings` has a worker's stores, `worker_keys` its accounts. A worker that has registered
-- neither may be able to run any job.

-- '' for a removal, which needs none.
local function store_of(job) return string.match(job.image or '', '^([^:]*):') or '' end

-- What a worker lacks for a job: 'unknown_account' or 'unknown_store'; nil if it can run it.
local function lacking(worker, job)
  local keys = '{facelift}:worker_keys:' .. worker
  if redis.call('HEXISTS', keys, own_account(job)) == 0 and redis.call('EXISTS', keys) == 1 then
    return 'unknown_account'
  end
  local stores = redis.call('HGET', '{facelift}:worker_settings:' .. worker, 'stores')
  if stores and not job.action
     and not string.find(' ' .. stores .. ' ', ' ' .. store_of(job) .. ' ', 1, true) then
    return 'unknown_store'
  end
  return nil
end

-- Whether a worker is live, and not about to end.
local function takes_jobs(worker)
  return tonumber(redis.call('ZSCORE', '{facelift}:workers', worker) or 0) > now
         and redis.call('EXISTS', '{facelift}:lost_worker:' .. worker) == 0
end

local able = {}

-- The live workers that can run a job, and how many live workers there are.
local function able_workers(job)
  local kind = own_account(job) .. ':' .. store_of(job)
  if not able[kind] then
    local found, live = {}, 0
    for _, worker in ipairs(redis.call('ZRANGE', '{facelift}:workers', '0', '-1')) do
      if takes_jobs(worker) then
        live = live + 1
        if not lacking(worker, job) then found[#found + 1] = worker end
      end
    end
    able[kind] = { found, live }
  end
  return unpack(able[kind])
end

-- Whether two heartbeats of a worker are overdue: it may be dead, and not reported yet.
local function is_silent(worker)
  return tonumber(redis.call('HGET', '{facelift}:worker:' .. worker, 'seen_at') or now) + 10 < now
end

-- The worker among these for whose own queue a job is, and how long that is: the shortest one, and of
-- a silent worker only if all are.
local function choose_worker(found)
  local first = math.floor(now * 1000) % math.max(1, #found)
  local chosen, shortest, is_last_resort
  for i = 1, #found do
    local worker = found[(first + i) % #found + 1]
    local length = redis.call('LLEN', '{facelift}:worker_queue:' .. worker)
    local silent = is_silent(worker)
    local is_better = not chosen or is_last_resort and not silent
                      or silent == is_last_resort and length < shortest
    if is_better then chosen, shortest, is_last_resort = worker, length, silent end
  end
  return chosen, shortest, is_last_resort
end
