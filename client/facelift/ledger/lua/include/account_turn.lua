-- include: account_gate, permits

-- What keeps one more job of an account from the queue: as blocked_by_account, or its rate, or 16
-- messages of the account on the queue. So the queue stays short, and a busy account delays no
-- other.
local function blocked_from_queue(id, name)
  local reason, message, at = blocked_by_account(id, name)
  if reason then return reason, message, at end
  at = next_permit_at(name)
  if at then return 'rate_limited', 'Its account has used up its rate for the moment.', at end
  local on_queue = '3000000000000000'
  if redis.call('ZCOUNT', '{facelift}:rate_window:' .. name, on_queue, on_queue) >= 16 then
    return 'backlog', 'Earlier jobs of its account go first.', now + 1
  end
  return nil
end
