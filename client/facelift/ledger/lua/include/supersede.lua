-- include: close_job, subject

-- pending -> superseded: the older jobs of a delivered job's chatbot, some at a time. Until all are
-- done, the delivered job stands before them in the chatbot's queue, and the scheduler goes on.
local function supersede_older(id, job)
  local queue = '{facelift}:chatbot_queue:' .. chatbot_of(job)
  local older = redis.call('ZRANGEBYSCORE', queue, '-inf', '(' .. job.generation,
                           'LIMIT', '0', '100')
  for _, other in ipairs(older) do
    local is_readable, its = pcall(load_job, other)
    if is_readable and its and is_pending(its.state) then
      redis.call('HSET', '{facelift}:job:' .. other, 'superseded_by', id)
      close_job(other, its, 'superseded', 'superseded',
                newer(job.asset, job.action) .. ' was ' .. done(job) .. ' first.')
    else  -- somebody edited keys by hand
      redis.call('ZREM', queue, other)
    end
  end
  if #older < 100 then
    redis.call('ZREM', queue, id)
    redis.call('ZREM', '{facelift}:schedule', 'superseding:' .. id)
  else
    redis.call('ZADD', queue, job.generation, id)
    redis.call('ZADD', '{facelift}:schedule', now_text, 'superseding:' .. id)
  end
end
