-- include: flow_names, tracking, unsettled, wait
-- Repeats: what a job did is done once more when its chatbot is settled. A repeat is a record of its
-- own, since an ended job never changes its state; it has that job's place in the chatbot's order, so
-- that a newer one supersedes it. No index, stream or batch has it. Its attempts are in that job's
-- record too.

-- What a repeat of a job does.
local function again(job)
  if job.action then return (job.asset or 'picture') .. ' is removed' end
  return (job.asset or 'image') .. ' is uploaded'
end

-- earlier: 'upload' or 'removal'
local function wait_until_settled(id, job, at, earlier)
  local delivered = '{facelift}:job:' .. job.repeats
  if redis.call('EXISTS', delivered) == 1 then
    redis.call('HSET', delivered, 'repeat_at', timestamp(at - clock_offset))
  end
  wait(id, job, 'unsettled', 'An earlier ' .. earlier .. ' of this chatbot got no answer, and may '
       .. 'still arrive; then the ' .. again(job) .. ' once more.', at)
end

-- (none) -> waiting: a repeat of a job that succeeded. `sha256` pins the stored image.
local function plan_repeat(id, job, at, earlier)
  local copy = string.format('repeat-%s-%.0f', job.generation, now * 1000)
  local repeated = {
    version = job.version, chatbot_id = job.chatbot_id, image = job.image, account = job.account,
    fit = job.fit, fit_focus = job.fit_focus, priority = job.priority, fairness_key = job.fairness_key,
    sha256 = not job.action and job.sent_sha256 or nil, asset = job.asset, action = job.action,
    repeats = id, generation = job.generation, flow = flow_of(job),
    shares = job.shares, created_at = wall_text,
    expires_at = timestamp(math.max(tonumber(job.expires_at), at - clock_offset + 86400)) }
  local flat = {}
  for field, value in pairs(repeated) do
    flat[#flat + 1] = field
    flat[#flat + 1] = value
  end
  redis.call('HSET', '{facelift}:job:' .. copy, unpack(flat))
  redis.call('ZADD', '{facelift}:chatbot_queue:' .. chatbot_of(job), job.generation, copy)
  wait_until_settled(copy, repeated, at, earlier)
end
