-- include: all_accounts, breaker, events, suspects, trouble
-- A request that was answered as a working endpoint does: proof against trouble of its chatbot, its
-- account and the endpoint.

local function close_breaker(key, name)
  local reason = string.format(name and 'Uploads of the account succeed again, after %.0f s.'
                               or 'The endpoint answers again, after %.0f s.', outage_age(key))
  update(key, { breaker = 'closed', breaker_since = now_text, breaker_reason = reason,
                breaker_until = '', arrivals = '', arrivals_at = '', failed_probes = '',
                recovered_at = now_text })
  record_event('breaker_closed', reason, 'facelift', name)
end

local function close_endpoint()
  close_breaker(endpoint_key)
  redis.call('ZREM', '{facelift}:schedule', 'endpoint')
  for _, other in ipairs(redis.call('SMEMBERS', '{facelift}:accounts')) do
    local key = '{facelift}:account:' .. other
    if not is_closed(key) then update(key, { breaker_until = now_text }) end
  end
  schedule_all_accounts()
end

local function record_answer(name, id, job, outcome)
  local key, it = '{facelift}:account:' .. name, account(name)
  if job.suspect or job.history then clear_suspect(name, job) end
  local changes = { recent = append_result(name, '.'), failing_since = '' }
  -- Of a busy account ten results a second are enough to know how long its uploads take.
  if not it.slow_after or now - tonumber(it.answered_at or 0) >= 0.1 then
    changes.answered_at = now_text
    local began = outcome == 'delivered'
                  and tonumber(redis.call('ZSCORE', '{facelift}:running:' .. name, id) or nil)
    if began and began <= now then
      changes.took, changes.slow_after = append_success(name, now - began)
    end
  end
  if it.failing_since then
    redis.call('DEL', '{facelift}:failures:' .. name, '{facelift}:charged:' .. name)
  end
  update(key, changes)
  if not is_closed(key) then
    close_breaker(key, name)
    schedule_account(name, now)
  end
  if endpoint().unanswered_since then
    redis.call('DEL', '{facelift}:unanswered')
    update(endpoint_key, { unanswered_since = '' })
  end
  if not is_closed(endpoint_key) then close_endpoint() end
end
