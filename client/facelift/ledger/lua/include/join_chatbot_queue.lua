-- include: chatbots, release_permit, wait

-- A job becomes eligible: from here on it counts among the pending jobs of its chatbot. It takes
-- over the account queue position of the one before it that no worker has yet, so that a chatbot
-- whose image changes often does not wait for ever.
local function join_chatbot_queue(id, job)
  local before = newest_job(job.chatbot_id)
  job.generation = redis.call('INCR', '{facelift}:generation')
  redis.call('HSET', '{facelift}:job:' .. id, 'generation', job.generation)
  redis.call('ZADD', '{facelift}:chatbot_queue:' .. job.chatbot_id, job.generation, id)
  if not before then return end
  local is_readable, older = pcall(load_job, before)
  if not is_readable or not older then return end
  local account_queue = '{facelift}:account_queue:' .. account_of(older)
  if older.state == 'queued' or redis.call('ZREM', account_queue, before) == 1 then
    wait(before, older, 'newer_upload', 'A newer image of this chatbot goes first.')
    release_lock_and_permit(before, older)
    job.queue_position = older.queue_position or older.generation
    redis.call('HSET', '{facelift}:job:' .. id, 'queue_position', job.queue_position)
  end
end
