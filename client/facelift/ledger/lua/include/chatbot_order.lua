-- include: chatbots

-- Why a job may not run before others of its chatbot: a wait reason and a sentence, or nil.
local function blocked_by_chatbot(id, job)
  local chatbot = chatbot_of(job)
  if newest_job(chatbot) ~= id then
    return 'newer_upload', 'A newer image of this chatbot goes first.'
  end
  local running = lock_holder(chatbot)
  if running and running ~= id then
    return 'chatbot_busy', 'An earlier upload of this chatbot is in flight.'
  end
  return nil
end
