-- include: chatbots, leave_account_queue, release_permit, subject, wait

-- A newer job takes over the older one's place in the account's queue, so that a chatbot whose
-- image changes often does not wait for ever: within a flow, or if the older one has more weight.
local function take_over_place(id, job, older)
  local flow = flow_of(older)
  local weight = weight_of(flow)
  if flow ~= flow_of(job) then
    if weight <= weight_of(flow_of(job)) then return end
    job.flow = flow
    redis.call('HSET', '{facelift}:job:' .. id, 'flow', flow)
  end
  job.queue_position = older.queue_position or older.generation
  redis.call('HSET', '{facelift}:job:' .. id, 'queue_position', job.queue_position)
end

-- A job becomes eligible: from here on it counts among the pending jobs of its chatbot.
local function join_chatbot_queue(id, job)
  local chatbot = chatbot_of(job)
  local before = newest_job(chatbot)
  job.generation = redis.call('INCR', '{facelift}:generation')
  redis.call('HSET', '{facelift}:job:' .. id, 'generation', job.generation)
  redis.call('ZADD', '{facelift}:chatbot_queue:' .. chatbot, job.generation, id)
  if not before then return end
  local is_readable, older = pcall(load_job, before)
  if not is_readable or not older then return end
  if older.state == 'queued' or leave_account_queue(before, older) then
    wait(before, older, 'newer_upload', newer(job.asset, job.action) .. ' goes first.')
    release_lock_and_permit(before, older)
    take_over_place(id, job, older)
  end
end
