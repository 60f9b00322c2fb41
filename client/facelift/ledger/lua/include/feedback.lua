-- include: all_accounts, breaker, breaker_results, events, pause, paused_until, records
-- What a request's answer means for its account and for the endpoint's breaker.

-- The endpoint answered as a working one does. If it was the probe, the breaker closes.
local function record_answer(id)
  local key = '{facelift}:endpoint'
  if is_closed() then
    update(key, { failures = '' })
    count_result('ok')
  elseif endpoint().probe == id then
    local reason = string.format('The endpoint answers again, after %.0f s.',
                                 now - tonumber(endpoint().breaker_since))
    redis.call('DEL', '{facelift}:breaker_results')
    update(key, { breaker = 'closed', breaker_since = now_text, breaker_reason = reason,
                  breaker_until = '', probe = '', failures = '', recovered_at = now_text })
    record_event('breaker_closed', reason, 'facelift')
    schedule_all_accounts()
  end
end

-- The endpoint refused the account's key (401, 403): the third time in a row pauses the account.
-- Not if the workers have another key meanwhile.
local function record_refusal(name, outcome, fingerprint)
  local key, it = '{facelift}:account:' .. name, account(name)
  if (it.fingerprint or fingerprint) ~= fingerprint then return end
  local refusals = tonumber(it.refusals or 0) + 1
  update(key, { refusals = refusals, refused_key = fingerprint })
  if refusals < 3 or paused_until(it) then return end
  local reason = 'The endpoint refused its API key ' .. refusals .. ' times in a row ('
                 .. outcome .. ').'
  add_account(name)
  pause(key, outcome, reason, 'facelift', '')
  record_event('account_paused', reason, 'facelift', name)
end

-- Until when the account sends nothing; a longer pause stays.
local function throttle_until(name, at)
  local key = '{facelift}:account:' .. name
  update(key, { quiet_until = timestamp(math.max(at, tonumber(account(name).quiet_until or 0))) })
  add_account(name)
end

-- The endpoint's rate limit headers, where they allow less than the account's rate.
local function apply_quota(name, answer)
  local key, it = '{facelift}:account:' .. name, account(name)
  local limit = tonumber(it.limit or 0)
  if limit == 0 then
    if answer.remaining == 0 and answer.reset_after then
      throttle_until(name, now + answer.reset_after)
    end
    return
  end
  if answer.limit and answer.limit < limit then
    local is_new = tonumber(it.vendor_limit or 0) ~= answer.limit
    -- A smaller limit is believed for 10 minutes.
    update(key, { vendor_limit = answer.limit, vendor_until = timestamp(now + 600) })
    if is_new then
      record_event('limit_lowered', 'The endpoint allows ' .. answer.limit .. ' requests, not '
                   .. limit .. '.', 'facelift', name)
      return
    end
  elseif answer.limit then
    update(key, { vendor_limit = '', vendor_until = '' })
  end
  if answer.remaining and answer.left then
    local ours_since = tonumber(it.permits or 0) - answer.permits
    local others = answer.left - ours_since - answer.remaining
    if others > 0 then
      local until_at = now + (answer.reset_after or tonumber(it.window))
      update(key, { used_elsewhere = others, used_elsewhere_until = timestamp(until_at) })
    else
      update(key, { used_elsewhere = '', used_elsewhere_until = '' })
    end
  end
end

-- Apply what came of a job's request.
--
-- feedback: '' if it made none, else JSON: answered (as a working endpoint does), fingerprint (of
--           the key), what acquire_permit replied (left, permits, throttles), and the headers
--           (limit, remaining, reset_after in seconds), as far as they are known
-- pause_until: when the endpoint asked to be left alone, else nil
local function apply_feedback(id, job, outcome, feedback, pause_until)
  if feedback == '' then return end
  local answer, name = cjson.decode(feedback), account_of(job)
  local key, it = '{facelift}:account:' .. name, account(name)
  if answer.answered then record_answer(id) end
  if outcome == 'unauthorized' or outcome == 'forbidden' then
    record_refusal(name, outcome, answer.fingerprint)
  elseif outcome == 'delivered' then
    local is_quiet = tonumber(it.quiet_until or 0) > now
    update(key, { refusals = '', throttles = is_quiet and it.throttles or '' })
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
