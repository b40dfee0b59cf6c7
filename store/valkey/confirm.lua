-- Confirms a balance with a sequence that was read from the database after it was seen here.
-- KEYS[1] the member's key. ARGV: sequence in the database (-1: no account), sequence that was seen.
-- Answers 1 when the value stays; else it is gone, and whoever misses it asks the database.
local value = redis.pcall('GET', KEYS[1])
local known = type(value) == 'string' and tonumber(string.match(value, '^{"sequence":(%d+),'))
local sequence, seen = tonumber(ARGV[1]), tonumber(ARGV[2])
if not known then
  return 0
end
if known == sequence then
  redis.call('PERSIST', KEYS[1])
  return 1
end
-- Above both: written since, by a worker that confirms it itself.
if known > sequence and known > seen then
  return 1
end
redis.call('DEL', KEYS[1])
return 0
