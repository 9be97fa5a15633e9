-- no-transaction
-- Finds what was settled long ago in sessions' outboxes. Built beside the traffic: it waits for nobody's lock that others would
-- queue behind.
-- squawk-ignore require-lock-timeout, require-statement-timeout
CREATE INDEX CONCURRENTLY IF NOT EXISTS session_outbox_settled_idx ON session_outbox (created_at)
WHERE state IN ('done', 'failed');
