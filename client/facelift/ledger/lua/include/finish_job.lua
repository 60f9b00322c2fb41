-- include: close_job, dispatch_account, dispatch_chatbot

-- pending -> terminal. After a success the chatbot's older jobs are superseded; what waited for
-- this job is dispatched.
local function finish_job(id, job, state, outcome, message, status)
  if state == 'succeeded' and job.generation then
    local older = redis.call('ZRANGEBYSCORE', '{facelift}:chatbot_queue:' .. job.chatbot_id, '-inf',
                             '(' .. job.generation)
    for _, other in ipairs(older) do
      redis.call('HSET', '{facelift}:job:' .. other, 'superseded_by', id)
      close_job(other, load_job(other), 'superseded', 'superseded',
                'A newer image of this chatbot was delivered first.')
    end
  end
  close_job(id, job, state, outcome, message, status)
  dispatch_chatbot(job.chatbot_id)
  dispatch_account(account_of(job))
end
