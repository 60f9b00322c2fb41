-- The time is ARGV[1] of every script; '' means Redis' own clock, which is the one clock of all
-- producers and workers. In records, scores and replies a time is text.

local function timestamp(time) return string.format('%.3f', time) end

local now = tonumber(ARGV[1])
if not now then
  local time = redis.call('TIME')
  now = tonumber(time[1]) + tonumber(time[2]) / 1000000
end
local now_micros = string.format('%.0f', now * 1000000)
-- Whole milliseconds, as every time of the ledger: or what is due would not have come yet.
local now_text = timestamp(now)
now = tonumber(now_text)
