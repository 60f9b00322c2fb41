-- Two times, both Unix seconds. Ledger time goes on evenly, whatever Redis' clock does: leases, due
-- times, rate windows and pauses are in it. Wall time is Redis' clock: what people give and read
-- (`not_before`, `expires_at`, when a job was created, started, ended) is in it. They differ by the
-- steps of the clock so far; see pool/check_clock. In records, scores and replies a time is text.
--
-- ARGV[1] of every script is a time for tests, or '' for Redis' own clock.

local now, wall, clock_offset, clock_stands = tonumber(ARGV[1]), tonumber(ARGV[1]), 0, false

local function timestamp(time) return string.format('%.3f', time) end

if not now then
  local time = redis.call('TIME')
  wall = tonumber(time[1]) + tonumber(time[2]) / 1000000
  local clock = redis.call('HMGET', '{facelift}:clock', 'offset', 'confirmed')
  local confirmed = tonumber(clock[2] or wall)
  clock_offset = tonumber(clock[1] or 0)
  -- While workers live they confirm the clock every second or so. One that is behind, or far ahead,
  -- was set, or nobody was there: ledger time stands still until a worker knows which.
  clock_stands = wall < confirmed or wall > confirmed + 3
  now = (clock_stands and confirmed or wall) + clock_offset
end
local now_micros = string.format('%.0f', now * 1000000)
-- Whole milliseconds, as every time of the ledger: or what is due would not have come yet.
local now_text, wall_text = timestamp(now), timestamp(wall)
now = tonumber(now_text)
wall = tonumber(wall_text)
