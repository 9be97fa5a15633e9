-- Shards: tenants' linked sessions are spread over them, and one worker at a time works each. Who that is, is decided here,
-- on this server's clock alone: by one conditional update that also hands out the next epoch.
SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '60s';

CREATE TABLE shards (
    id smallint NOT NULL,
    -- Grows with every change of hands; what an older epoch writes is refused.
    epoch bigint NOT NULL DEFAULT 0,
    owner text,
    lease_until timestamptz,
    -- A planned hand-over: for a moment only the successor may take it.
    successor text,
    successor_until timestamptz,
    -- Not handed over again before, so that two workers do not play ball.
    settled_at timestamptz,
    CONSTRAINT shards_pkey PRIMARY KEY (id),
    CONSTRAINT shards_owner_check CHECK ((owner IS NULL) = (lease_until IS NULL))
);
INSERT INTO shards (id) SELECT generate_series(0, 63);
GRANT SELECT, UPDATE ON shards TO switchboard_system;

-- The workers that may own shards, by their heartbeat.
CREATE TABLE shard_workers (
    name text NOT NULL,
    started_at timestamptz NOT NULL,
    seen_at timestamptz NOT NULL,
    -- It stops: it takes nothing more and gives away what it has.
    leaving boolean NOT NULL DEFAULT false,
    CONSTRAINT shard_workers_pkey PRIMARY KEY (name)
);
GRANT SELECT, INSERT, UPDATE, DELETE ON shard_workers TO switchboard_system;

-- Where a tenant's sessions live; null until it has one.
ALTER TABLE tenants ADD COLUMN whatsapp_shard smallint;
-- Every row that there is has none, so there is nothing to look through.
ALTER TABLE tenants ADD CONSTRAINT tenants_whatsapp_shard_fkey FOREIGN KEY (whatsapp_shard) REFERENCES shards (id) NOT VALID;
