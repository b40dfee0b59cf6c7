-- Takes what there is of some tokens out of a bucket that fills up by the server's time.
-- KEYS[1] the bucket. ARGV: tokens a second, tokens that it holds, tokens wanted; less than none are given back.
-- Answers how many were taken, and microseconds until the rest is there, or as much as the bucket holds.
local rate, holds, wanted = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local kept = redis.call('HMGET', KEYS[1], 'tokens', 'at')
local tokens, at = tonumber(kept[1]) or holds, tonumber(kept[2]) or now
tokens = math.min(holds, tokens + math.max(0, now - at) * rate / 1000000)
local taken = math.min(wanted, math.floor(tokens))
tokens = math.min(holds, tokens - taken)
redis.call('HSET', KEYS[1], 'tokens', string.format('%.6f', tokens), 'at', string.format('%.0f', now))
redis.call('PEXPIRE', KEYS[1], math.ceil(holds / rate * 1000) + 1000)
local missing = math.min(wanted - taken, holds) - tokens
return {taken, missing > 0 and taken < wanted and math.ceil(missing / rate * 1000000) or 0}
