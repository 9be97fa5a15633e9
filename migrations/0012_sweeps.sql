-- Asking a provider what we were not told: how far each connection's texts are known, and what its last sweep found.
SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '60s';

CREATE TABLE connection_sweeps (
    tenant_id uuid NOT NULL,
    connection_id uuid NOT NULL,
    -- Texts that the provider took before this are here; each sweep looks a little further back, too.
    texts_until timestamptz NOT NULL,
    -- A sweep that was out of pages: its window's end, and the query of its next page.
    window_until timestamptz,
    next_page text,
    swept_at timestamptz,
    -- Since when it fails, and what to do; null while it goes well.
    failing_since timestamptz,
    problem text,
    texts_found bigint NOT NULL DEFAULT 0,
    receipts_found bigint NOT NULL DEFAULT 0,
    CONSTRAINT connection_sweeps_pkey PRIMARY KEY (tenant_id, connection_id),
    CONSTRAINT connection_sweeps_connection_fkey FOREIGN KEY (tenant_id, connection_id)
        REFERENCES connections (tenant_id, id) ON DELETE CASCADE
);
SELECT protect_table('connection_sweeps');
-- The scheduler's look over all tenants: which connections are due?
SELECT open_to_system('connections', 'SELECT (tenant_id, id)');
SELECT open_to_system('connection_sweeps', 'SELECT (tenant_id, connection_id, swept_at)');

-- When an outgoing message's fate was last asked for; and when the last STOP or START was said that counted, since one
-- that arrives late must not undo a later one.
ALTER TABLE messages ADD COLUMN receipt_checked_at timestamptz;
ALTER TABLE identities ADD COLUMN sms_keyword_at timestamptz;
