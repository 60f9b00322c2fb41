-- include: chatbots, dispatch_job

-- The newest pending job of a chatbot goes on, if it waited for others of the chatbot.
local function dispatch_chatbot(chatbot)
  local id = newest_job(chatbot)
  if not id or lock_holder(chatbot) then return end
  local job = load_job(id)
  if job.state == 'waiting'
     and (job.wait_reason == 'newer_upload' or job.wait_reason == 'chatbot_busy') then
    dispatch_job(id, job)
  end
end
