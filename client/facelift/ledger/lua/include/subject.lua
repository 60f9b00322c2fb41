-- What a job is about, in words.

-- What a newer job of a chatbot is, by its asset and action as records have them.
local function newer(asset, action)
  if action then return 'A newer removal of this chatbot\'s ' .. (asset or 'picture') end
  return 'A newer ' .. (asset or 'image') .. ' of this chatbot'
end

-- What its success is.
local function done(job) return job.action and 'carried out' or 'delivered' end
