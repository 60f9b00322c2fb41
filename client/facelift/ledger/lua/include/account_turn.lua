-- include: account_gate, permits, slots

local function on_queue(name)
  local score = '3000000000000000'
  return redis.call('ZCOUNT', '{facelift}:rate_window:' .. name, score, score)
end

-- Whether an account fills its share of the pool's slots: 90%, so that others find one, and its own
-- idle flows. A pool of less than ten slots reserves nothing. queued: its messages on the queue.
local function fills_share(name, queued, goes_ahead)
  local all = slots()
  if not all or all < 10 then return false end
  local most = goes_ahead and all or math.ceil(0.9 * all)
  return redis.call('ZCARD', '{facelift}:running:' .. name) + queued >= most
end

-- What keeps one more job of an account from the queue: a pause, its rate, its share of the slots,
-- or 16 messages of the account on the queue. So the queue stays short, and a busy account delays
-- no other. Breakers are asked apart: a probe passes them. is_idle: its flow has no waiting job.
local function blocked_from_queue(name, is_idle, job)
  local reason, message, at = blocked_by_pause(name, job)
  if reason then return reason, message, at end
  at = next_permit_at(name, is_idle)
  if at then return 'rate_limited', 'Its account has used up its rate for the moment.', at end
  local goes_ahead = is_idle and account(name).waiting
  local queued = on_queue(name)
  if queued >= (goes_ahead and 32 or 16) or fills_share(name, queued, goes_ahead) then
    return 'backlog', 'Earlier jobs of its account go first.', now + 1
  end
  return nil
end
