-- Lets attempts to write messages through, but those at notices of which a later one was seen.
-- KEYS: the notices. ARGV: milliseconds for which an attempt is remembered, then the number of each notice's.
-- Answers one digit for each, 1 for let through: a client reads one text sooner than a list.
local let = {}
for at, notice in ipairs(KEYS) do
  local attempt = ARGV[at + 1]
  local seen = tonumber(redis.call('GET', notice))
  if seen and seen > tonumber(attempt) then
    let[at] = 0
  else
    redis.call('SET', notice, attempt, 'PX', ARGV[1])
    let[at] = 1
  end
end
return table.concat(let)
