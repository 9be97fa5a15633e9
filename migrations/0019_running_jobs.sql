-- no-transaction
-- Finds the jobs of a tenant that are under way: what waits of it is worked in together with them, in the order it came.
-- Built beside the traffic: it waits for nobody's lock that others would queue behind, and the table of unfinished jobs is short.
-- squawk-ignore require-lock-timeout, require-statement-timeout
CREATE INDEX CONCURRENTLY IF NOT EXISTS jobs_running_idx ON jobs (tenant_id, kind)
WHERE state = 'running';
