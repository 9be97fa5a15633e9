-- How long a voice note plays that staff have put in; and what is settled in a session's outbox is swept after a week.
SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '60s';

ALTER TABLE uploads ADD COLUMN duration_ms integer;

-- The scheduler's sweep over all tenants; which rows it may see, and which of their columns, 0017 says.
GRANT DELETE ON session_outbox TO switchboard_system;
