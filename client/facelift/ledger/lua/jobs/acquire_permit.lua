-- include: give_up, join_account_queue, leases
-- running -> running | waiting | cancelled | expired: the last check before a request. Lease,
-- cancellation, deadline, order, pauses, breaker and rate, all in one step.
--
-- ARGV: now, job id, lease token, lease in seconds, seconds that a request may take, number of the
--       request under this lease (1 or 2)
-- Replies: {'permit', left, permits, throttles}  permits left to the account ('' without a rate),
--              permits it ever had, pauses that the endpoint asked for in a row
--          {'lost'}           the lease is somebody else's
--          {'ended', state}   cancelled, or past its deadline
--          {'waiting', reason, message, until}  a newer image of the chatbot came in, or it is not
--              the account's turn

local id, token, lease, longest = ARGV[2], ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])
local request = request_member(token, ARGV[6])
local key = '{facelift}:job:' .. id
local job = load_job(id)
if not job or not holds_lease(job, token) then return { 'lost' } end
if job.cancel_requested then
  give_up(id, job, 'cancelled')
  return { 'ended', 'cancelled' }
end
if tonumber(job.expires_at) <= now then
  give_up(id, job, 'expired')
  return { 'ended', 'expired' }
end

local name = account_of(job)
local account_key, window_key = '{facelift}:account:' .. name, '{facelift}:rate_window:' .. name
local reason, message = blocked_by_chatbot(id, job)
if reason then
  wait(id, job, reason, message)
  release_lock_and_permit(id, job)
  dispatch_chatbot(job.chatbot_id)
  dispatch_account(name)
  return { 'waiting', reason, message, job.expires_at }
end

local has_permit = redis.call('ZSCORE', window_key, request)  -- the reply was lost
local is_reserved = redis.call('ZSCORE', window_key, id)
local at
if is_reserved then
  reason, message, at = blocked_by_account(id, name)
elseif not has_permit then
  reason, message, at = blocked_from_queue(id, name)
  if not reason and ARGV[6] == '1'
     and redis.call('ZCARD', '{facelift}:account_queue:' .. name) > 0 then
    reason, message, at = 'backlog', 'Earlier jobs of its account go first.', now
  end
end
if reason then
  join_account_queue(id, job, reason, message, at)
  redis.call('HSET', key, 'image_checked', '1')
  release_lock_and_permit(id, job)
  dispatch_account(name)
  return { 'waiting', reason, message, job.expires_at }
end

local lease_until = timestamp(now + lease)
redis.call('ZADD', '{facelift}:schedule', lease_until, id)
redis.call('HSET', key, 'lease_until', lease_until)
local limit, window = rate(name)
if not has_permit then
  if not is_reserved then reserve_permit(id, name, '2000000000000000') end
  redis.call('ZREM', window_key, id)
  if window then
    redis.call('ZADD', window_key, timestamp(now + longest + window), request)
    update(account_key, { permits = tonumber(account(name).permits or 0) + 1 })
  end
  if not is_closed() then
    update('{facelift}:endpoint', { breaker = 'half_open' })
    start_probe(id, longest)
  end
end
return { 'permit', limit and limit - used_permits(name) + used_elsewhere(name) or '',
         account(name).permits or '0', account(name).throttles or '0' }
