-- A worker tells that it is there and how it does; those that stopped telling are forgotten.
--
-- ARGV: now, name, seconds for which it is remembered (0: it leaves), seconds since it began,
--       seconds since it last asked for a job, then field, value, ...
-- Replies: nothing

local name, kept = ARGV[2], tonumber(ARGV[3])
expect('zset', WORKERS)
expect('hash', WORKER .. name)
redis.call('ZREMRANGEBYSCORE', WORKERS, '-inf', seconds(now))
if kept == 0 then
  redis.call('DEL', WORKER .. name)
  redis.call('ZREM', WORKERS, name)
  return
end
redis.call('HSET', WORKER .. name, 'seen_at', seconds(now),
           'since', seconds(now - tonumber(ARGV[4])),
           'last_poll_at', seconds(now - tonumber(ARGV[5])), unpack(ARGV, 6))
redis.call('ZADD', WORKERS, seconds(now + kept), name)
redis.call('EXPIRE', WORKER .. name, kept)
redis.call('EXPIRE', WORKERS, kept)
