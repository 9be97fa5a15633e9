-- no-transaction
-- Finds the messages that a provider took and never reported on; built beside the traffic. It waits
-- for nobody's lock that others would queue behind, and takes as long as the table is long: one statement, no time limit.
-- squawk-ignore require-lock-timeout, require-statement-timeout
CREATE INDEX CONCURRENTLY IF NOT EXISTS messages_unsettled_idx ON messages (tenant_id, sent_at)
WHERE direction = 'out' AND state = 'sent';
