-- include: choose_key, give_up, leases, refusals
-- running -> running | waiting | cancelled | expired | failed: the last check before a request.
-- Lease, cancellation, deadline, order, pauses, API key, breaker and rate, all in one step.
--
-- ARGV: now, job id, lease token, lease in seconds, seconds that a request may take, number of the
--       request under this lease (1 or 2), SHA-256 of the stored image or '', '1' if the endpoint
--       is done with whatever was sent under this lease, else '', fingerprints of the API keys
--       that the worker may use for it ('a b', the newest first)
-- A request that has a permit may ask again before it is sent: its place in the rate window is then
-- that of a request that starts now.
-- Replies: {'permit', left, permits, throttles, seconds, key}  permits left to the account ('' for
--              no rate), permits it ever had, pauses that the endpoint asked for in a row, seconds
--              that this request may take, fingerprint of the key to use
--          {'lost'}           the lease is somebody else's
--          {'ended', state}   cancelled, or past its deadline
--          {'waiting', reason, message, until, account}  a newer image of the chatbot came in, or
--              it is not the account's turn, or the job is left to a worker with another API key
--              of the account

local id, token, lease, longest = ARGV[2], ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])
local request = request_member(token, ARGV[6])
local key = '{facelift}:job:' .. id
local job = load_job(id)
if job and gave_up_lease(job, token) then  -- the reply was lost
  if not is_pending(job.state) then return { 'ended', job.state } end
  return { 'waiting', job.wait_reason or 'backlog', job.message, job.wait_until or job.expires_at }
end
if not job or not holds_lease(job, token) then return { 'lost' } end
job.settled = ARGV[8] == '1'
if job.cancel_requested then
  give_up(id, job, 'cancelled')
  return { 'ended', 'cancelled' }
end
if tonumber(job.expires_at) <= wall then
  return { 'ended', give_up(id, job, 'expired') }
end

local name = account_of(job)
local account_key, window_key = '{facelift}:account:' .. name, '{facelift}:rate_window:' .. name
local reason, message = blocked_by_chatbot(id, job)
if reason then
  wait(id, job, reason, message)
  release_lock_and_permit(id, job)
  dispatch_chatbot(chatbot_of(job))
  dispatch_account(name)
  return { 'waiting', reason, message, job.expires_at }
end

-- The reply was lost, or the worker did not send the request in time. Once its place in the rate
-- window has expired, it needs another.
local place = redis.call('ZSCORE', window_key, request)
local is_reserved = redis.call('ZSCORE', window_key, id)
local has_begun = tonumber(redis.call('ZSCORE', '{facelift}:running:' .. name, id) or 9e15) < 8e15
local has_permit = place and tonumber(place) > now or has_begun and not rate(name)
local at
reason, message, at = blocked_by_account(name, job)
if not reason and clock_stands and rate(name) then
  reason, message, at = 'rate_limited', 'The clock of Redis was set.', now
end
if not reason and not has_permit and not is_reserved then
  reason, message, at = blocked_from_queue(name, false, job)
  if not reason and not has_begun
     and (account(name).waiting or not job.suspect and is_suspect(name, job)) then
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

local fingerprint, is_unproven = choose_key(name, job, words(ARGV[9]), ARGV[6] == '2')
if not fingerprint then
  redis.call('HSET', key, 'image_checked', '1')
  check_for_usable_key(name, {})
  reason, message, at = blocked_by_pause(name)
  leave_to_another(id, job, reason, message, at)
  local left = account(name).working_key and own_account(job) or ''
  return { 'waiting', reason or 'backlog', message or other_key, job.expires_at, left }
end
if is_unproven and not job.key_probe then start_key_probe(name, id, job) end

local lease_until = timestamp(now + lease)
redis.call('ZADD', '{facelift}:schedule', lease_until, id)
redis.call('HSET', key, 'lease_until', lease_until)
local sent = job.action and nothing_sent or ARGV[7]
if sent ~= '' then redis.call('HSET', key, 'sent_sha256', sent) end
local limit, window = rate(name)
redis.call('ZADD', '{facelift}:running:' .. name, now_text, id)
if not has_permit then
  if not is_reserved then reserve_permit(id, name, '2000000000000000') end
  redis.call('ZREM', window_key, id)
  if window then update(account_key, { permits = tonumber(account(name).permits or 0) + 1 }) end
  if job.probe then redis.call('HSET', key, 'probe', '2') end  -- it asks the endpoint
end

if window then
  local leaves = timestamp(now + math.min(longest, counted_within) + window)
  redis.call('ZADD', window_key, leaves, request)
end

-- While slots are scarce, a chatbot's first request may take only as long as is not slow. As a
-- suspect it has all the time.
local function seconds_allowed()
  local all, slow_after = slots(), tonumber(account(name).slow_after or nil)
  if job.suspect or not all or not slow_after or busy_slots() <= 0.4 * all then return longest end
  return math.min(longest, math.max(5, slow_after))
end

return { 'permit', limit and limit - used_permits(name) + used_elsewhere(name) or '',
         account(name).permits or '0', account(name).throttles or '0',
         string.format('%.3f', seconds_allowed()), fingerprint }
