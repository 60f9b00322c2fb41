-- include: close_job, dispatch_account, dispatch_chatbot, supersede

-- pending -> terminal. After a success the chatbot's older jobs are superseded; what waited for
-- this job is dispatched.
local function finish_job(id, job, state, outcome, message, status)
  close_job(id, job, state, outcome, message, status)
  if state == 'succeeded' and job.generation then supersede_older(id, job) end
  dispatch_chatbot(chatbot_of(job))
  dispatch_account(account_of(job))
end
