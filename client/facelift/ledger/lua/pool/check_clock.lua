-- include: events
-- Confirm Redis' clock, or take up a step of it: called by each worker every 2 s, or every 15 s while
-- nothing is scheduled.
--
-- A worker compares the time that passed by Redis' clock between two calls with what passed by its
-- own monotonic clock. Ledger time goes on by the latter when they differ.
--
-- ARGV: now, worker, epoch ('' without evidence), time of the call before (wall), by how many
--       seconds the clock was set before that call (0: it was not)
-- Replies: {wall time, epoch, '1' if ledger time stands still, how many other workers live, the
--          schedule's first entry, its time}; no workers are counted if it does not stand still

local key, own = '{facelift}:clock', ARGV[2]
local epoch = clock_epoch

local function confirm(changes)
  redis.call('HSET', key, 'confirmed', string.format('%.6f', wall), unpack(changes or {}))
  clock_stands = false
end

local function take_up(step)
  clock_offset = clock_offset - step
  now = wall + clock_offset
  now_text = timestamp(now)
  epoch = tostring(tonumber(epoch) + 1)
  confirm({ 'offset', string.format('%.6f', clock_offset), 'epoch', epoch,
            'step', timestamp(step), 'stepped_at', wall_text })
  record_event('clock_set', string.format('The clock of Redis was set %s by %.1f s.',
                                          step > 0 and 'forward' or 'back', math.abs(step)),
               'facelift')
  -- Times that people gave are at other times of the ledger now.
  redis.call('HSET', key, 'moved', 'inf')
  redis.call('ZADD', '{facelift}:schedule', now_text, 'clock')
end

-- Evidence is about the call before; between the two the clock must not have been set again. A large
-- step makes ledger time stand still for everybody: if it does not, the worker was suspended.
if ARGV[3] == epoch and wall >= tonumber(ARGV[4]) and wall <= tonumber(ARGV[4]) + 4 then
  local step = tonumber(ARGV[5])
  if step == 0 then
    confirm()
  elseif clock_stands or math.abs(step) <= 4 then
    take_up(step)
  end
elseif not clock_stands then
  confirm()
end

local live = 0
if clock_stands then
  live = redis.call('ZCOUNT', '{facelift}:workers', now_text, '+inf')
  if tonumber(redis.call('ZSCORE', '{facelift}:workers', own) or 0) >= now then live = live - 1 end
end
local first = redis.call('ZRANGE', '{facelift}:schedule', '0', '0', 'WITHSCORES')
return { string.format('%.6f', wall), epoch, clock_stands and '1' or '', live,
         first[1] or '', first[2] or '' }
