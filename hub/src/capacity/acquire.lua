-- Takes a slot: for the tenant and the fleet together, or for neither.
-- KEYS: fleet's slots, tenant's slots, nodes, generation
-- ARGV: call, ttl ms, fleet's limit, tenant's limit, node
-- Answers: what came of it, nodes seen, slots of the fleet, slots of the tenant
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local ttl = tonumber(ARGV[2])
local function at(ms) return string.format('%.0f', ms) end

for i = 1, 3 do
    redis.call('ZREMRANGEBYSCORE', KEYS[i], '-inf', at(now))
    -- Our clock went backwards: what would now live for hours lives for one ttl. A hundred at a time; the rest next time.
    local far = redis.call('ZRANGEBYSCORE', KEYS[i], '(' .. at(now + 2 * ttl), '+inf', 'LIMIT', 0, 100)
    for _, member in ipairs(far) do
        redis.call('ZADD', KEYS[i], at(now + ttl), member)
    end
end
redis.call('ZADD', KEYS[3], at(now + ttl), ARGV[5])

-- Without its generation the memory behind the sets is gone: until every owner has had time to renew, they show too few.
local born = tonumber(redis.call('GET', KEYS[4]) or '')
if not born or born > now then
    born = now
    redis.call('SET', KEYS[4], at(now))
end

local nodes, fleet, tenant = redis.call('ZCARD', KEYS[3]), redis.call('ZCARD', KEYS[1]), redis.call('ZCARD', KEYS[2])
local answer
if redis.call('ZSCORE', KEYS[1], ARGV[1]) then
    answer = 'yours'
elseif tenant >= tonumber(ARGV[4]) then
    answer = 'tenant_full'
elseif fleet >= tonumber(ARGV[3]) then
    answer = 'fleet_full'
elseif now - born < ttl / 3 then
    answer = 'young'
else
    answer = 'taken'
    fleet, tenant = fleet + 1, tenant + 1
end
if answer == 'taken' or answer == 'yours' then
    for i = 1, 2 do
        redis.call('ZADD', KEYS[i], 'GT', at(now + ttl), ARGV[1])
        redis.call('PEXPIRE', KEYS[i], 4 * ttl)
    end
end
return {answer, nodes, fleet, tenant}
