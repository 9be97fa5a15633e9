-- Jobs: a row in the transaction that wants the work; Redis Streams only hand it out. And the scheduler's ticks.
CREATE TABLE jobs (
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    id uuid NOT NULL,
    queue text NOT NULL CONSTRAINT jobs_queue_check
        CHECK (queue IN ('high', 'default', 'low', 'media', 'recordings', 'broadcasts', 'maintenance')),
    kind text NOT NULL,
    payload jsonb NOT NULL,
    -- 0 is first; within a queue.
    priority smallint NOT NULL DEFAULT 5 CONSTRAINT jobs_priority_check CHECK (priority BETWEEN 0 AND 9),
    state text NOT NULL DEFAULT 'ready' CONSTRAINT jobs_state_check CHECK (state IN ('ready', 'running', 'done', 'dead')),
    run_at timestamptz NOT NULL,
    attempts integer NOT NULL DEFAULT 0,
    attempts_max integer NOT NULL DEFAULT 12,
    -- How often it took its worker down: panics, and leases that ran out.
    crashes integer NOT NULL DEFAULT 0,
    -- While running: whose it is, and until when unless renewed.
    worker text,
    lease_until timestamptz,
    last_error text,
    -- At most one unfinished job of a kind has a given key.
    dedup_key text,
    dispatched_at timestamptz,
    created_at timestamptz NOT NULL,
    finished_at timestamptz,
    CONSTRAINT jobs_pkey PRIMARY KEY (tenant_id, id)
);
SELECT protect_table('jobs');
-- INSERT is for the jobs of batched intake, written in the statement that writes the submissions.
SELECT open_to_system('jobs', 'SELECT, INSERT, UPDATE, DELETE');
CREATE UNIQUE INDEX jobs_dedup_key ON jobs (tenant_id, kind, dedup_key)
    WHERE dedup_key IS NOT NULL AND state IN ('ready', 'running');
CREATE INDEX jobs_sweep_idx ON jobs (run_at) WHERE state IN ('ready', 'running');
-- By tenant, so that a poll can take a few of each and a flood of one hides nobody.
CREATE INDEX jobs_ready_idx ON jobs (queue, tenant_id, priority, run_at) WHERE state = 'ready';
CREATE INDEX jobs_finished_idx ON jobs (finished_at) WHERE state = 'done';
CREATE INDEX jobs_dead_idx ON jobs (tenant_id, finished_at DESC) WHERE state = 'dead';

-- Which periodic work ran for which instant: a second leader in the same slot finds the row. No tenant: platform's own.
CREATE TABLE ticks (
    name text NOT NULL,
    slot timestamptz NOT NULL,
    ran_at timestamptz NOT NULL,
    CONSTRAINT ticks_pkey PRIMARY KEY (name, slot)
);
GRANT SELECT, INSERT, DELETE ON ticks TO switchboard_system;
