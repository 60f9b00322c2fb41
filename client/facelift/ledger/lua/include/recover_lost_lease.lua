-- include: attempts, dispatch_in_order, give_up, lost_workers, quarantine
-- What becomes of a job whose lease was lost with its worker.

local most_crashes = 3
local surely_lost_after = 12  -- seconds without a heartbeat

-- When a job was acquired, in ledger time.
local function started_at(job)
  return tonumber(job.started_at) + tonumber(job.clock_offset or 0)
end

-- For how long no worker may be lost before the job runs again: several times as long as it ran.
-- While workers are lost for another reason, that is rare; and a loss without the job clears it.
local function quiet_time(job, crashes, loss, seen_at)
  local ended_at = now
  if loss.how == 'gone' then
    ended_at = tonumber(job.lease_until)
  elseif seen_at then
    ended_at = math.min(now, seen_at + 5)
  end
  local ran = ended_at - started_at(job)
  return math.max(3, crashes == 1 and math.min(3 * ran, 20) or math.min(10 * ran, 30))
end

-- The job is the only suspect of a loss. Returns when it may go on.
local function charge(id, job, loss)
  local key = '{facelift}:job:' .. id
  if tonumber(endpoint().unexplained_loss_at or 0) > tonumber(job.crashed_at or 0) then
    redis.call('HDEL', key, 'crashes')
  end
  local seen_at = tonumber(redis.call('HGET', '{facelift}:worker:' .. job.worker, 'seen_at') or nil)
  local crashes = redis.call('HINCRBY', key, 'crashes', '1')
  local quiet = quiet_time(job, crashes, loss, seen_at)
  redis.call('HSET', key, 'crashed_at', now_text, 'quiet', quiet)
  if crashes < most_crashes then return now + quiet end
  -- A worker that is only cut off sends a heartbeat in that time.
  return loss.how == 'lost' and seen_at and math.max(now, seen_at + surely_lost_after) or now
end

-- running -> waiting in quarantine
local function put_in_quarantine(id, job, loss)
  local key, was = '{facelift}:job:' .. id, tonumber(job.quarantined or nil)
  local others = loss.jobs - 1
  local together = was and (was > 1 and math.floor(was / 3) or 0.1) or 10
  local is_charged = was and tonumber(loss.suspects) < 2
  local at = is_charged and charge(id, job, loss) or now
  local rest = others == 0 and '' or ', which ran ' .. others
               .. (others == 1 and ' other job' or ' other jobs')
  job.quarantined = together
  job.quarantine_reason = 'Lost with worker ' .. job.worker .. rest .. '; it runs '
                          .. (together <= 1 and 'alone' or 'apart') .. ' now.'
  redis.call('HSET', key, 'quarantined', together, 'quarantine_reason', job.quarantine_reason)
  redis.call('ZADD', '{facelift}:quarantined', 'NX', now_text, id)
  redis.call('HSET', '{facelift}:lost_worker:' .. job.worker, 'job:' .. id,
             is_charged and 'crash' or 'loss')
  release_lock_and_permit(id, job)
  wait_in_quarantine(id, job, at)
end

local function recover_lost_lease(id, job)
  check_keys(id, job)
  local key = '{facelift}:job:' .. id
  add_account(account_of(job))  -- it may have no worker yet that registered it
  local loss = note_loss(job.worker, 'lost')
  local others = tonumber(loss.jobs or 1) - 1
  local ended_at = loss.how == 'gone' and tonumber(job.lease_until) or now
  record_attempt(id, job, cjson.encode({
    started_at = tonumber(job.started_at), duration = math.max(0, ended_at - started_at(job)),
    code = 'worker_lost', decision = 'rescue', counted = false,
    reason = 'Worker ' .. job.worker
             .. (loss.stopping and ' ended before it could release this job.'
                 or ' was lost while it ran this job'
                    .. (others > 0 and ' and ' .. others .. (others == 1 and ' other' or ' others')
                        or '') .. '.') }), 0)
  redis.call('HDEL', key, 'lease_token')
  if not loss.stopping then redis.call('HINCRBY', key, 'lost_leases', '1') end
  if job.cancel_requested then
    release_lock_and_permit(id, job)
    give_up(id, job, 'cancelled')
  elseif loss.stopping then
    release_lock_and_permit(id, job)
    dispatch_in_order(id, job)
  else
    put_in_quarantine(id, job, loss)
  end
  dispatch_chatbot(chatbot_of(job))
  dispatch_account(account_of(job))
end
