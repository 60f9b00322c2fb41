-- include: flows

-- Take a waiting job out of its account's queue, or out of that of unknown jobs. Whether it was
-- there.
local function leave_account_queue(id, job)
  local elsewhere = { scheduled = true, retry = true, newer_upload = true, chatbot_busy = true,
                      unsettled = true, quarantined = true }
  if job.state ~= 'waiting' or elsewhere[job.wait_reason] then return false end
  local name = account_of(job)
  return leave_flow(name, id, job)
         or redis.call('ZREM', '{facelift}:suspect_queue:' .. name, id) == 1
         or redis.call('ZREM', '{facelift}:unknown_jobs', id) == 1
end
