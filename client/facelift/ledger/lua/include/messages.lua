-- include: clock
-- Wake-up messages on the Celery queue; see message.py.

-- Send a message; in 10 s the scheduler checks whether it got lost.
local function send_message(id)
  redis.call('ZADD', '{facelift}:schedule', timestamp(now + 10), id)
  -- Each has its own delivery tag; Celery tracks unacknowledged messages by it.
  local message = string.gsub('@MESSAGE@', '@(%u+)@', {
    ID = id, TAG = id .. '.' .. now_micros, SENT = now_text })
  redis.call('LPUSH', '@QUEUE@', message)
end
