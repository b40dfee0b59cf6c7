-- Writes a member's balance only over a lower sequence (account.md 9).
-- KEYS[1] the member's key. ARGV: sequence in the database (-1: no account), value,
-- milliseconds that a value lives which has yet to be confirmed, 'repair' or ''.
-- Answers -1: confirm it; 0: done; above 0: the higher sequence that is there.
local value = redis.pcall('GET', KEYS[1])
local known = type(value) == 'string' and tonumber(string.match(value, '^{"sequence":(%d+),'))
local sequence = tonumber(ARGV[1])
if not known then
  if sequence < 0 then
    redis.call('DEL', KEYS[1])
    return 0
  end
  redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
  return -1
end
if known > sequence then
  -- Never 0: a sequence of 0 is above none at all.
  return math.max(known, 1)
end
if known < sequence or (ARGV[4] == 'repair' and value ~= ARGV[2]) then
  redis.call('SET', KEYS[1], ARGV[2], 'KEEPTTL')
end
return redis.call('PTTL', KEYS[1]) < 0 and 0 or -1
