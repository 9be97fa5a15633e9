-- Public pages where anybody may call a number's agent from the browser, and which calls came from there.
SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '60s';

CREATE TABLE demo_pages (
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    inbox_id uuid NOT NULL,
    -- In the page's address. Public, and nobody guesses it.
    key text NOT NULL CONSTRAINT demo_pages_key_check CHECK (key ~ '^d_[0-9a-f]{24}$'),
    enabled boolean NOT NULL,
    created_at timestamptz NOT NULL,
    CONSTRAINT demo_pages_pkey PRIMARY KEY (tenant_id, inbox_id),
    -- It is what finds the tenant, so it cannot start with the tenant.
    CONSTRAINT demo_pages_key UNIQUE (key),
    CONSTRAINT demo_pages_inbox_fkey FOREIGN KEY (tenant_id, inbox_id) REFERENCES inboxes (tenant_id, id) ON DELETE CASCADE
);
SELECT protect_table('demo_pages');
SELECT open_to_system('demo_pages', 'SELECT');

-- Who called from a demo page: a keyed hash of the address, another one each day. Null for everybody else.
ALTER TABLE calls ADD COLUMN visitor text;
