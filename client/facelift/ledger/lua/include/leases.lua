-- Who may write a running job's record: the holder of its lease token.

local function holds_lease(job, token)
  return job.state == 'running' and job.lease_token == token
end

-- Whether the caller gave up this lease before and lost the reply: nobody acquired one since.
local function gave_up_lease(job, token)
  return job.state ~= 'running' and job.lease_token == token
end
