-- Two times, both Unix seconds. Ledger time goes on evenly, whatever Redis' clock does: leases, due
-- times, rate windows and pauses are in it. Wall time is Redis' clock: what people give and read
-- (`not_before`, `expires_at`, when a job was created, started, ended) is in it. They differ by the
-- steps of the clock so far; see pool/check_clock. In records, scores and replies a time is text.
--
-- ARGV[1] of every script is a time for tests; from a worker, what it knows of the clock: how often it
-- was set, a time that it showed, and the least number of seconds since; or ''.

local now, wall, clock_offset, clock_stands = tonumber(ARGV[1]), tonumber(ARGV[1]), 0, false
local clock_epoch = '0'  -- how often the clock was set

local function timestamp(time) return string.format('%.3f', time) end

if not now then
  local time = redis.call('TIME')
  wall = tonumber(time[1]) + tonumber(time[2]) / 1000000
  local clock = redis.call('HMGET', '{facelift}:clock', 'offset', 'confirmed', 'epoch')
  local confirmed = tonumber(clock[2] or wall)
  clock_offset, clock_epoch = tonumber(clock[1] or 0), clock[3] or '0'
  -- Busy workers confirm the clock every 2 s. One that is behind, or far ahead, was set, or nobody
  -- was there: ledger time stands still until a worker knows which.
  clock_stands = wall < confirmed - 0.001 or wall > confirmed + 4
  local epoch, at, passed = string.match(ARGV[1] or '', '^(%d+) ([%d.]+) ([%d.]+)$')
  if clock_stands and epoch == clock_epoch then
    local ahead = wall - at - passed
    clock_stands = ahead < -0.1 or ahead > 1
  end
  now = (clock_stands and confirmed or wall) + clock_offset
end
local now_micros = string.format('%.0f', now * 1000000)
-- Whole milliseconds, as every time of the ledger: or what is due would not have come yet.
local now_text, wall_text = timestamp(now), timestamp(wall)
now = tonumber(now_text)
wall = tonumber(wall_text)
