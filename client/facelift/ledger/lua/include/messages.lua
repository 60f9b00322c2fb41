-- include: clock
-- Wake-up messages on the Celery queue; see message.py.

-- Send a message, to one worker's own queue if it is given. In 10 s the scheduler checks whether it
-- got lost.
local function send_message(id, own_queue)
  redis.call('ZADD', '{facelift}:schedule', timestamp(now + 10), id)
  -- Each has its own delivery tag; Celery tracks unacknowledged messages by it.
  local message = string.gsub('@MESSAGE@', '@(%u+)@', {
    ID = id, TAG = id .. '.' .. now_micros, SENT = now_text })
  redis.call('LPUSH', own_queue or '@QUEUE@', message)
  if own_queue then redis.call('EXPIRE', own_queue, '120') end  -- its worker may be gone
end
