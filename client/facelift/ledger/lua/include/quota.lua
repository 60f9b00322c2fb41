-- include: accounts, events
-- What the endpoint asks of an account: pauses, and its rate limit headers.

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

