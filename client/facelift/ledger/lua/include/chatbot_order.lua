-- include: chatbots, subject

-- Why a job may not run before others of its chatbot: a wait reason and a sentence, or nil.
local function blocked_by_chatbot(id, job)
  local chatbot = chatbot_of(job)
  local newest = newest_job(chatbot)
  if newest ~= id then
    local action = newest and redis.call('HGET', '{facelift}:job:' .. newest, 'action') or nil
    return 'newer_upload', newer(job.asset, action) .. ' goes first.'
  end
  local running = lock_holder(chatbot)
  if running and running ~= id then
    local action = redis.call('HGET', '{facelift}:job:' .. running, 'action')
    return 'chatbot_busy', 'An earlier ' .. (action and 'removal' or 'upload')
                           .. ' of this chatbot is in flight.'
  end
  return nil
end
