-- Connections (a tenant's account at a provider), inboxes (its connected numbers and forms), and which tenant an address is.
CREATE TABLE connections (
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    id uuid NOT NULL,
    provider text NOT NULL CONSTRAINT connections_provider_check CHECK (provider IN ('twilio')),
    -- The provider's own name of the account (Twilio: AccountSid).
    account text NOT NULL,
    -- JSON of credentials, sealed with SECRET_KEY; its shape is the connector's.
    credentials_sealed bytea NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT connections_pkey PRIMARY KEY (tenant_id, id),
    CONSTRAINT connections_account_key UNIQUE (tenant_id, provider, account)
);
SELECT protect_table('connections');

CREATE TABLE inboxes (
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    id uuid NOT NULL,
    channel text NOT NULL CONSTRAINT inboxes_channel_check
        CHECK (channel IN ('voice', 'whatsapp', 'sms', 'instagram', 'mail', 'form', 'chat')),
    -- What the outside calls it: a number in E.164, a form's key.
    address text NOT NULL,
    name text NOT NULL CONSTRAINT inboxes_name_check CHECK (length(name) BETWEEN 1 AND 120),
    connection_id uuid,
    -- For a form: its fields, allowed origins and thank-you; otherwise empty.
    settings jsonb NOT NULL DEFAULT '{}',
    disabled_at timestamptz,
    created_at timestamptz NOT NULL,
    CONSTRAINT inboxes_pkey PRIMARY KEY (tenant_id, id),
    CONSTRAINT inboxes_address_key UNIQUE (tenant_id, channel, address),
    CONSTRAINT inboxes_connection_fkey FOREIGN KEY (tenant_id, connection_id) REFERENCES connections (tenant_id, id)
);
SELECT protect_table('inboxes');

-- One address belongs to one tenant of the installation. Its key cannot start with the tenant: it is what finds the tenant.
CREATE TABLE inbox_routes (
    channel text NOT NULL,
    address text NOT NULL,
    tenant_id uuid NOT NULL,
    inbox_id uuid NOT NULL,
    CONSTRAINT inbox_routes_pkey PRIMARY KEY (channel, address),
    CONSTRAINT inbox_routes_inbox_fkey FOREIGN KEY (tenant_id, inbox_id) REFERENCES inboxes (tenant_id, id) ON DELETE CASCADE
);
SELECT protect_table('inbox_routes');
SELECT open_to_system('inbox_routes', 'SELECT');
CREATE INDEX inbox_routes_tenant_idx ON inbox_routes (tenant_id, inbox_id);
