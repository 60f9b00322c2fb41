-- A worker tells what it was set to; the last to tell is believed. An account whose key was
-- refused goes on if the worker's is another.
--
-- ARGV: now, failures in a row that open the breaker, share of failures that does, its window
--       in seconds, seconds between its probes, 1 if it sends webhooks or '', then for each
--       account: name, requests (0 for no limit), in seconds, fingerprint of its key
-- Replies: nothing

set(ENDPOINT, 'break_failures', ARGV[2], 'break_share', ARGV[3], 'break_window', ARGV[4],
    'break_pause', ARGV[5], 'webhooks', ARGV[6])
expect('set', ACCOUNTS)
for i = 7, #ARGV, 4 do
  local name, fingerprint = ARGV[i], ARGV[i + 3]
  expect_account(name)
  local it = account(name)
  if (it.paused == 'unauthorized' or it.paused == 'forbidden') and it.refused_key ~= fingerprint then
    resume(ACCOUNT .. name)
    tell('account_resumed', 'Its API key was changed.', 'facelift', name)
  end
  if it.fingerprint ~= fingerprint then set(ACCOUNT .. name, 'refusals', '') end
  set(ACCOUNT .. name, 'limit', ARGV[i + 1], 'window', ARGV[i + 2], 'fingerprint', fingerprint)
  know(name)
  look_at_account(name, now)
end
