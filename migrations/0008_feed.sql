-- The live feed: per tenant one counter under a row lock, and the events it numbered.
CREATE TABLE feeds (
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    epoch text NOT NULL,
    seq bigint NOT NULL DEFAULT 0,
    -- Events up to here were deleted by age; a position before it is answered with `reload`.
    kept_from bigint NOT NULL DEFAULT 0,
    CONSTRAINT feeds_pkey PRIMARY KEY (tenant_id)
);
SELECT protect_table('feeds');
SELECT open_to_system('feeds', 'SELECT, INSERT');

CREATE TABLE events (
    tenant_id uuid NOT NULL,
    seq bigint NOT NULL,
    kind text NOT NULL,
    -- The lowest role that may see it.
    audience text NOT NULL DEFAULT 'read_only',
    data jsonb NOT NULL,
    at timestamptz NOT NULL,
    CONSTRAINT events_pkey PRIMARY KEY (tenant_id, seq),
    CONSTRAINT events_feed_fkey FOREIGN KEY (tenant_id) REFERENCES feeds (tenant_id)
);
SELECT protect_table('events');
