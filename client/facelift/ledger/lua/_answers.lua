-- What the endpoint's answers mean for the account and for the pool.

local BELIEVED = 600  -- seconds for which a smaller limit that it tells is believed

-- The endpoint asked for a pause of the account until `at`. Requests that were under way at
-- the same time are told the same; they count once.
local function throttle(name, at, throttles)
  local key, it = ACCOUNT .. name, account(name)
  if tonumber(it.throttles or 0) == throttles then
    set(key, 'throttles', throttles + 1)
    tell('account_throttled', string.format('The endpoint asked for a pause of %.1f s.', at - now),
         'facelift', name)
  end
  set(key, 'quiet_until', seconds(math.max(at, tonumber(it.quiet_until or 0))))
  know(name)
end

-- Its rate limit headers, where they tell of less than we think.
local function apply_quota(name, told)
  local key, it = ACCOUNT .. name, account(name)
  local limit = tonumber(it.limit or 0)
  if limit == 0 then
    if told.remaining == 0 and told.reset_after then
      set(key, 'quiet_until', seconds(math.max(now + told.reset_after, tonumber(it.quiet_until or 0))))
      know(name)
    end
    return
  end
  if told.limit and told.limit < limit then
    local is_news = tonumber(it.vendor_limit or 0) ~= told.limit
    set(key, 'vendor_limit', told.limit, 'vendor_until', seconds(now + BELIEVED))
    if is_news then
      tell('limit_lowered', 'The endpoint allows ' .. told.limit .. ' requests, not ' .. limit .. '.',
           'facelift', name)
      return
    end
  elseif told.limit and it.vendor_limit then
    set(key, 'vendor_limit', '', 'vendor_until', '')
  end
  if told.remaining and told.left then
    local since = tonumber(it.admitted or 0) - told.admitted
    local others = told.left - since - told.remaining
    if others > 0 then
      set(key, 'foreign', others,
          'foreign_until', seconds(now + (told.reset_after or tonumber(it.window))))
    elseif it.foreign then
      set(key, 'foreign', '', 'foreign_until', '')
    end
  end
end

-- What came of the job's request, if it made one.
--
-- answer: '' or JSON: answered (as a working endpoint does), fingerprint (of the key), what
--         `admit` replied (left, admitted, throttles), and the headers (limit, remaining,
--         reset_after in seconds), as far as they are there
local function apply_feedback(id, job, outcome, answer, pause_until)
  if answer == '' then return end
  local told, name = cjson.decode(answer), account_of(job)
  local it = account(name)
  if told.answered then note_answer(id) end
  if outcome == 'unauthorized' or outcome == 'forbidden' then
    note_refusal(name, outcome, told.fingerprint)
  elseif outcome == 'delivered' then
    if it.refusals then set(ACCOUNT .. name, 'refusals', '') end
    if it.throttles and tonumber(it.quiet_until or 0) <= now then
      set(ACCOUNT .. name, 'throttles', '')
    end
  end
  apply_quota(name, told)
  if pause_until then throttle(name, pause_until, told.throttles or 0) end
end
