-- Flows: the jobs of one fairness key, or batch, and priority.

local weights = { high = 4, normal = 2, low = 1 }

local function weight_of(flow) return weights[string.match(flow, '^%a+')] or 1 end

-- The flow of a job: its fairness key, else its batch, else all single jobs, by priority. A job
-- that took over an older one's place in the queue has that one's flow.
local function flow_of(job)
  local priority = job.priority or 'normal'
  return job.flow or priority .. (job.fairness_key and '/key:' .. job.fairness_key
                                  or job.batch and '/batch:' .. job.batch or '/single')
end

local function flow_queue(name, flow) return '{facelift}:flow_queue:' .. name .. ':' .. flow end
