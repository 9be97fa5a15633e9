-- Tenants: the businesses on this installation. The one table keyed by its own id instead of tenant_id.
CREATE TABLE tenants (
    id uuid CONSTRAINT tenants_pkey PRIMARY KEY,
    slug text NOT NULL CONSTRAINT tenants_slug_key UNIQUE
        CONSTRAINT tenants_slug_check CHECK (slug ~ '^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$'),
    name text NOT NULL CONSTRAINT tenants_name_check CHECK (length(name) BETWEEN 1 AND 120),
    timezone text NOT NULL DEFAULT 'UTC',
    locale text NOT NULL DEFAULT 'en',
    country text NOT NULL DEFAULT 'US' CONSTRAINT tenants_country_check CHECK (country ~ '^[A-Z]{2}$'),
    max_concurrent_calls integer NOT NULL DEFAULT 10 CONSTRAINT tenants_calls_check CHECK (max_concurrent_calls >= 0),
    suspended_at timestamptz,
    created_at timestamptz NOT NULL
);
ALTER TABLE tenants ENABLE ROW LEVEL SECURITY;
ALTER TABLE tenants FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON tenants TO switchboard_app
    USING (id = current_setting('app.tenant')::uuid) WITH CHECK (id = current_setting('app.tenant')::uuid);
GRANT SELECT ON tenants TO switchboard_app;
GRANT UPDATE (name, timezone, locale, country) ON tenants TO switchboard_app;
SELECT open_to_system('tenants', 'SELECT, INSERT, UPDATE');
