-- Gives a slot back; once or many times is the same.
-- KEYS: fleet's slots, tenant's slots
-- ARGV: call
return redis.call('ZREM', KEYS[1], ARGV[1]) + redis.call('ZREM', KEYS[2], ARGV[1])
