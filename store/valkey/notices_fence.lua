-- Lets an attempt to write a message through, unless a later one was seen.
-- KEYS[1] the notice. ARGV: the attempt's number, milliseconds for which it is remembered.
local seen = tonumber(redis.call('GET', KEYS[1]))
if seen and seen > tonumber(ARGV[1]) then
  return 0
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
