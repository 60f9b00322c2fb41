-- include: check_keys, finish_job, subject

-- Whether a job waits for an API key that the endpoint accepts.
local function waits_for_key(job)
  local others = { scheduled = true, retry = true, store_unavailable = true }
  local it = account(account_of(job))
  local is_paused = it.paused == 'unauthorized' or it.paused == 'forbidden'
  return not others[job.wait_reason] and (is_paused or it.fingerprint and not it.working_key)
end

-- pending -> cancelled | expired, or failed if its deadline passed while its account waited for an
-- API key. Returns the state.
local function give_up(id, job, state)
  local outcome, message = state, 'Cancelled before it was ' .. done(job) .. '.'
  if state == 'expired' and waits_for_key(job) then
    state, outcome = 'failed', 'unauthorized'
    message = 'Its deadline passed while the endpoint refused the API key of its account. Give the '
              .. 'workers a key that works, then replay the job.'
  elseif state == 'expired' then
    message = 'Its deadline passed before it could be ' .. done(job) .. '.'
  end
  check_keys(id, job)
  finish_job(id, job, state, outcome, message, job.http_status)
  return state
end
