-- Who did what (append-only for the application), and answers kept for repeated writes.
CREATE TABLE audit_log (
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    id uuid NOT NULL,
    actor_kind text NOT NULL CONSTRAINT audit_log_actor_check CHECK (actor_kind IN ('staff', 'api_key', 'agent', 'system')),
    actor_id uuid,
    action text NOT NULL,
    target_kind text,
    target_id uuid,
    detail jsonb NOT NULL DEFAULT '{}',
    at timestamptz NOT NULL,
    CONSTRAINT audit_log_pkey PRIMARY KEY (tenant_id, id)
);
SELECT protect_table('audit_log');
REVOKE UPDATE, DELETE ON audit_log FROM switchboard_app;

CREATE TABLE idempotency_keys (
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    -- Who used it: a staff member's or an API key's id; two actors' keys never meet.
    actor_id uuid NOT NULL,
    key text NOT NULL CONSTRAINT idempotency_keys_key_check CHECK (length(key) BETWEEN 1 AND 255),
    -- SHA-256 of method, path and body: the same key with another request is refused.
    fingerprint bytea NOT NULL,
    -- Null while the first request runs.
    status smallint,
    body bytea,
    created_at timestamptz NOT NULL,
    CONSTRAINT idempotency_keys_pkey PRIMARY KEY (tenant_id, actor_id, key)
);
SELECT protect_table('idempotency_keys');
SELECT open_to_system('idempotency_keys', 'SELECT, DELETE');
CREATE INDEX idempotency_keys_age_idx ON idempotency_keys (created_at);
