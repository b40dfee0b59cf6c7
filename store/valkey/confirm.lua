-- Compares a balance with a sequence that was read from the database after it was seen here.
-- KEYS[1] the member's key. ARGV: sequence in the database (-1: no account), and what was seen:
-- the sequence and when it ends.
-- A value that was written since is left to whoever wrote it. One that is not the database's goes:
-- whoever misses it asks the database.
local value = redis.pcall('GET', KEYS[1])
local known = type(value) == 'string' and tonumber(string.match(value, '^{"sequence":(%d+),'))
if known ~= tonumber(ARGV[2]) or redis.call('PEXPIRETIME', KEYS[1]) ~= tonumber(ARGV[3]) then
  return 0
end
if known == tonumber(ARGV[1]) then
  return redis.call('PERSIST', KEYS[1])
end
return redis.call('DEL', KEYS[1])
