-- include: api_keys, join_account_queue, permits, release_permit
-- With which of its keys a worker may upload for an account.

-- offered: what the worker holds, its newest first. again: another of its keys was refused for this
-- job just now. Returns a key, and whether it is still to be proven; nil if the worker must leave
-- the job to another one.
local function choose_key(name, job, offered, again)
  local working = account(name).working_key
  if #offered == 0 or offered[1] == working then return offered[1] or '' end
  local has_working = false
  for _, fingerprint in ipairs(offered) do
    has_working = has_working or fingerprint == working
  end
  local is_free = job.key_probe or not key_probe(name)
  for _, fingerprint in ipairs(offered) do
    if fingerprint == working then return fingerprint end
    local entry = account_keys(name)[fingerprint] or { state = 'new' }
    -- A worker with two keys tries the newest now and then: the endpoint may know it by now.
    local is_due = has_working and now - tonumber(entry.at or 0) >= 30
    local is_tried = entry.state == 'new' or entry.may_try or again
                     or entry.state == 'refused' and is_due
                     or entry.state == 'works' and not working
    if is_tried and is_free then return fingerprint, true end
  end
  if working and not held_keys(name)[working] then  -- whoever held it is gone
    update('{facelift}:account:' .. name, { working_key = '' })
    return choose_key(name, job, offered, again)
  end
  return nil
end

local other_key = 'The worker that took it has another API key than the one that works.'

-- queued | running -> waiting: another worker takes the job soon, or once what blocks its account
-- is over.
local function leave_to_another(id, job, reason, message, at)
  return_permit(id, account_of(job))
  join_account_queue(id, job, reason or 'backlog', message or other_key, at or now + 0.05)
  release_lock_and_permit(id, job)
end
