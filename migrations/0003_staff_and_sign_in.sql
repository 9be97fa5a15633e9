-- Staff, how they sign in, and machines' API keys.
CREATE TABLE staff (
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    id uuid NOT NULL,
    email text NOT NULL CONSTRAINT staff_email_check CHECK (email = lower(email) AND length(email) <= 254),
    name text NOT NULL CONSTRAINT staff_name_check CHECK (length(name) BETWEEN 1 AND 120),
    role text NOT NULL CONSTRAINT staff_role_check CHECK (role IN ('system_admin', 'owner', 'admin', 'staff', 'read_only')),
    password_hash text,
    totp_sealed bytea,
    totp_confirmed_at timestamptz,
    totp_last_step bigint NOT NULL DEFAULT 0,
    disabled_at timestamptz,
    -- Grows when role, password or membership changes; live sockets and tokens carry the one they were made with.
    session_version integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL,
    CONSTRAINT staff_pkey PRIMARY KEY (tenant_id, id),
    CONSTRAINT staff_email_key UNIQUE (tenant_id, email)
);
SELECT protect_table('staff');
SELECT open_to_system('staff', 'SELECT');
CREATE INDEX staff_sign_in_idx ON staff (email);

CREATE TABLE recovery_codes (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    staff_id uuid NOT NULL,
    code_hash bytea NOT NULL,
    used_at timestamptz,
    CONSTRAINT recovery_codes_pkey PRIMARY KEY (tenant_id, id),
    CONSTRAINT recovery_codes_staff_fkey FOREIGN KEY (tenant_id, staff_id) REFERENCES staff (tenant_id, id) ON DELETE CASCADE
);
SELECT protect_table('recovery_codes');

-- A family is one sign-in; its tokens follow each other. A used token that comes back after its grace revokes the family.
CREATE TABLE refresh_families (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    staff_id uuid NOT NULL,
    user_agent text,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    revoked_at timestamptz,
    revoked_reason text,
    CONSTRAINT refresh_families_pkey PRIMARY KEY (tenant_id, id),
    CONSTRAINT refresh_families_staff_fkey FOREIGN KEY (tenant_id, staff_id) REFERENCES staff (tenant_id, id) ON DELETE CASCADE
);
SELECT protect_table('refresh_families');
-- The live feed's look over all tenants (does the sign-in behind a socket still stand?), and the sweep of ended ones.
SELECT open_to_system('refresh_families', 'SELECT, DELETE');
CREATE INDEX refresh_families_staff_idx ON refresh_families (tenant_id, staff_id);

CREATE TABLE refresh_tokens (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    family_id uuid NOT NULL,
    generation integer NOT NULL,
    token_hash bytea NOT NULL,
    -- The successor, sealed, so that two tabs refreshing at once get the same one.
    successor_sealed bytea,
    issued_at timestamptz NOT NULL,
    used_at timestamptz,
    CONSTRAINT refresh_tokens_pkey PRIMARY KEY (tenant_id, id),
    CONSTRAINT refresh_tokens_generation_key UNIQUE (tenant_id, family_id, generation),
    CONSTRAINT refresh_tokens_family_fkey FOREIGN KEY (tenant_id, family_id)
        REFERENCES refresh_families (tenant_id, id) ON DELETE CASCADE
);
SELECT protect_table('refresh_tokens');

CREATE TABLE api_keys (
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    id uuid NOT NULL,
    name text NOT NULL CONSTRAINT api_keys_name_check CHECK (length(name) BETWEEN 1 AND 120),
    role text NOT NULL CONSTRAINT api_keys_role_check CHECK (role IN ('admin', 'staff', 'read_only')),
    key_hash bytea NOT NULL,
    last_four text NOT NULL,
    created_by uuid,
    created_at timestamptz NOT NULL,
    last_used_at timestamptz,
    revoked_at timestamptz,
    CONSTRAINT api_keys_pkey PRIMARY KEY (tenant_id, id),
    CONSTRAINT api_keys_staff_fkey FOREIGN KEY (tenant_id, created_by) REFERENCES staff (tenant_id, id)
);
SELECT protect_table('api_keys');
SELECT open_to_system('api_keys', 'SELECT (tenant_id, id, revoked_at)');

-- Links that sign somebody in once (`up` prints one; an invitation is one).
CREATE TABLE sign_in_links (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    staff_id uuid NOT NULL,
    token_hash bytea NOT NULL,
    expires_at timestamptz NOT NULL,
    used_at timestamptz,
    CONSTRAINT sign_in_links_pkey PRIMARY KEY (tenant_id, id),
    CONSTRAINT sign_in_links_staff_fkey FOREIGN KEY (tenant_id, staff_id) REFERENCES staff (tenant_id, id) ON DELETE CASCADE
);
SELECT protect_table('sign_in_links');
SELECT open_to_system('sign_in_links', 'SELECT, DELETE');
