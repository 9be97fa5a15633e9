-- Every slot of the fleet that has not run out, and whether the sets can be believed.
-- KEYS: fleet's slots, generation
-- ARGV: ttl ms
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local born = tonumber(redis.call('GET', KEYS[2]) or '')
local believed = 0
if born and now - born >= tonumber(ARGV[1]) then
    believed = 1
end
return {believed, redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. string.format('%.0f', now), '+inf')}
