-- include: check_keys, finish_job

-- pending -> cancelled | expired
local function give_up(id, job, state)
  local message = state == 'cancelled' and 'Cancelled before it was delivered.'
                  or 'Its deadline passed before it could be delivered.'
  check_keys(id, job)
  finish_job(id, job, state, state, message, job.http_status)
end
