-- include: leases, records, refusals
-- The endpoint refused the API key of a job's request (401).
--
-- ARGV: now, job id, lease token, fingerprint of the key, fingerprints of the keys that the
--       worker has for the account by now ('a b')
-- Replies: 'key' it is refused, and the account waits for another one unless there is one;
--          'again' it worked before, and this may pass: the job is to try again soon;
--          'chatbot' it works for other chatbots: it is this chatbot that the endpoint refuses

local id, token, fingerprint, held = ARGV[2], ARGV[3], ARGV[4], words(ARGV[5])
local job = load_job(id)
if not job or not holds_lease(job, token) then return 'again' end
local name = account_of(job)
local reported_by, verdict = string.match(job.refusal or '', '^(.*):(%a+)$')
if reported_by == token .. ':' .. fingerprint then return verdict end  -- the reply was lost
verdict = refuse_key(name, id, job, fingerprint, held)
redis.call('HSET', '{facelift}:job:' .. id, 'refusal',
           token .. ':' .. fingerprint .. ':' .. verdict)
return verdict
