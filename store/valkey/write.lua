-- Writes a member's balance only over a lower sequence (account.md 9).
-- KEYS[1] the member's key. ARGV: sequence in the database (-1: no account), value,
-- milliseconds that a value lives which has yet to be confirmed, 'repair' or ''.
-- Answers whether to confirm (1 or 0) the sequence that is there now, and when it ends (-1: never).
local value = redis.pcall('GET', KEYS[1])
local known = type(value) == 'string' and tonumber(string.match(value, '^{"sequence":(%d+),'))
local sequence = tonumber(ARGV[1])
if not known and sequence < 0 then
  redis.call('DEL', KEYS[1])
  return {0, -1, -1}
elseif not known then
  redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
elseif known > sequence then
  return {1, known, redis.call('PEXPIRETIME', KEYS[1])}
elseif known < sequence or (ARGV[4] == 'repair' and value ~= ARGV[2]) then
  redis.call('SET', KEYS[1], ARGV[2], 'KEEPTTL')
end
local ends = redis.call('PEXPIRETIME', KEYS[1])
return {ends < 0 and 0 or 1, sequence, ends}
