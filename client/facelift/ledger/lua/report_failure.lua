-- The endpoint failed a request: the breaker hears of it.
--
-- ARGV: now, job id, what happened in a sentence
-- Replies: 1 the attempt counts, 0 the breaker is open: it is not the job's fault

local id, sentence = ARGV[2], ARGV[3]
if is_closed() then
  note_failure(sentence)
  return 1
end
if pool(ENDPOINT).probe == id then open_breaker(sentence) end
return 0
