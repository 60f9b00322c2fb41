-- include: chatbot_order, dispatch_job

-- state -> queued, or waiting for others of its chatbot, or waiting in its account's queue
local function dispatch_in_order(id, job)
  local reason, message = blocked_by_chatbot(id, job)
  if reason then
    wait(id, job, reason, message)
  else
    dispatch_job(id, job)
  end
end
