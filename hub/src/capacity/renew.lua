-- Prolongs a slot whose owner knows that the call lives; one that is missing is put back, over any limit: a live call is
-- never ended to please a count. A repetition, or one that comes late, changes nothing.
-- KEYS: fleet's slots, tenant's slots, nodes, generation
-- ARGV: call, ttl ms, node
-- Answers: 1 when it was missing, nodes seen
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local ttl = tonumber(ARGV[2])
local function at(ms) return string.format('%.0f', ms) end

local missing = 0
for i = 1, 2 do
    local score = tonumber(redis.call('ZSCORE', KEYS[i], ARGV[1]) or '')
    if not score then
        missing = 1
        redis.call('ZADD', KEYS[i], at(now + ttl), ARGV[1])
    elseif score > now + 2 * ttl then
        redis.call('ZADD', KEYS[i], 'XX', at(now + ttl), ARGV[1])
    else
        redis.call('ZADD', KEYS[i], 'XX', 'GT', at(now + ttl), ARGV[1])
    end
    redis.call('PEXPIRE', KEYS[i], 4 * ttl)
end
redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', at(now))
redis.call('ZADD', KEYS[3], at(now + ttl), ARGV[3])
redis.call('SET', KEYS[4], at(now), 'NX')
return {missing, redis.call('ZCARD', KEYS[3])}
