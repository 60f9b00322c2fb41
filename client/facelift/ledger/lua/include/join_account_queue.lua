-- include: accounts, flows, suspects, wait

-- state -> waiting in its account's queue, which the scheduler dispatches at a time.
local function join_account_queue(id, job, reason, message, at)
  local name = account_of(job)
  if is_suspect(name, job) then
    redis.call('ZADD', '{facelift}:suspect_queue:' .. name, 'NX', now_text, id)
    if reason == 'backlog' or reason == 'rate_limited' then
      reason, message = 'chatbot_failing', 'Its chatbot\'s last upload failed; others go first.'
    end
  else
    join_flow(name, id, job)
  end
  -- Thousands may wait, and Redis keeps a hash small only while its values are short; explain.lua
  -- has the whole sentence.
  local brief = { all_paused = 'Everything is paused.', account_paused = 'Its account is paused.',
                  endpoint_down = 'The endpoint is down.',
                  account_failing = 'Uploads of its account fail.' }
  wait(id, job, reason, brief[reason] or message)
  if not account(name).fingerprint then add_account(name) end
  schedule_account(name, at)
end
