-- include: answers, quota, refusals
-- What a request's answer means for its chatbot, its account and the endpoint.

-- Apply what came of a job's request.
--
-- feedback: '' if it made none, else JSON: answered (as a working endpoint does), settled (it was
--           not sent, or the endpoint is done with it), fingerprint (of its key), what
--           acquire_permit replied (left, permits, throttles), and the headers (limit, remaining,
--           reset_after in seconds), as far as they are known
-- pause_until: when the endpoint asked to be left alone, else nil
local function apply_feedback(id, job, outcome, feedback, pause_until)
  if feedback == '' then return end
  local answer, name = cjson.decode(feedback), account_of(job)
  local key, it = '{facelift}:account:' .. name, account(name)
  job.settled = answer.settled
  if answer.answered then record_answer(name, id, job, outcome) end
  if outcome == 'forbidden' then
    record_forbidden(name, id, job, answer.fingerprint)
  elseif outcome == 'delivered' or outcome == 'removed' then
    local is_quiet = tonumber(it.quiet_until or 0) > now
    update(key, { throttles = is_quiet and it.throttles or '' })
    accept_key(name, answer.fingerprint)
  end
  apply_quota(name, answer)
  if pause_until then
    -- Requests in flight at the same time are asked for the same pause; they count once.
    if tonumber(it.throttles or 0) == (answer.throttles or 0) then
      update(key, { throttles = (answer.throttles or 0) + 1 })
      record_event('account_throttled', string.format('The endpoint asked for a pause of %.1f s.',
                   pause_until - now), 'facelift', name)
    end
    throttle_until(name, pause_until)
  end
end
