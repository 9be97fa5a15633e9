-- no-transaction
-- Finds the messages that a provider took and never reported on; built beside the traffic.
CREATE INDEX CONCURRENTLY IF NOT EXISTS messages_unsettled_idx ON messages (tenant_id, sent_at)
WHERE direction = 'out' AND state = 'sent';
