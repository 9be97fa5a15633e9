-- Sessions: linked connections of a tenant's own account (WhatsApp's multi-device), each worked by the owner of its
-- tenant's shard, with the state that its library keeps.
SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '60s';

-- Older rows kept to a narrower rule, so there is nothing to look through.
-- squawk-ignore ban-drop-constraint
ALTER TABLE submissions DROP CONSTRAINT submissions_source_check;
ALTER TABLE submissions ADD CONSTRAINT submissions_source_check CHECK (source IN ('sms', 'form', 'whatsapp')) NOT VALID;

-- A chat whose other side hides its number is known by the network's own name of it; so is a group.
-- squawk-ignore ban-drop-constraint
ALTER TABLE identities DROP CONSTRAINT identities_kind_check;
ALTER TABLE identities ADD CONSTRAINT identities_kind_check
    CHECK (kind IN ('phone', 'mail', 'instagram', 'visitor', 'whatsapp')) NOT VALID;

CREATE TABLE sessions (
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    id uuid NOT NULL,
    inbox_id uuid NOT NULL,
    -- What a person wants. A stop survives every restart; a lost connection changes nothing here.
    desired text NOT NULL CONSTRAINT sessions_desired_check CHECK (desired IN ('running', 'stopped', 'unlinked')),
    -- What its worker sees, and a code for why.
    observed text NOT NULL CONSTRAINT sessions_observed_check CHECK (observed IN ('new', 'pairing', 'connecting',
        'connected', 'waiting', 'stopped', 'replaced', 'logged_out', 'banned', 'passkey_needed', 'outdated', 'failed')),
    reason text,
    observed_at timestamptz NOT NULL,
    -- Not tried again before: the end of a back-off or of a ban.
    next_attempt_at timestamptz,
    attempts integer NOT NULL DEFAULT 0,
    -- The epoch of the worker that took it on last. What an older one writes is refused.
    epoch bigint NOT NULL DEFAULT 0,
    worker text,
    -- Whose account it is, once it is linked.
    phone text,
    push_name text,
    -- A pairing that somebody watches: where its codes go to. The codes are never stored.
    pairing_id text,
    pairing_phone text,
    pairing_until timestamptz,
    -- What cannot lie about its health: connected since or lost since, when it last heard from the network, when a message
    -- was last taken in; and what the last look at all sessions made of it.
    connected_at timestamptz,
    lost_at timestamptz,
    heard_at timestamptz,
    received_at timestamptz,
    paired_at timestamptz,
    health text CONSTRAINT sessions_health_check
        CHECK (health IN ('ok', 'silent', 'stuck', 'paused', 'reconnecting', 'needs_you', 'resting')),
    -- Outbound pacing: what is paused until when, why; how many were written to for the first time on this day (in UTC), and
    -- how many may be.
    paused_until timestamptz,
    pause_reason text,
    pause_scope text CONSTRAINT sessions_pause_scope_check CHECK (pause_scope IN ('new_chats', 'all')),
    new_chats_on date,
    new_chats integer NOT NULL DEFAULT 0,
    new_chats_limit integer,
    groups boolean NOT NULL DEFAULT false,
    created_by uuid,
    created_at timestamptz NOT NULL,
    CONSTRAINT sessions_pkey PRIMARY KEY (tenant_id, id),
    CONSTRAINT sessions_inbox_key UNIQUE (tenant_id, inbox_id),
    CONSTRAINT sessions_inbox_fkey FOREIGN KEY (tenant_id, inbox_id) REFERENCES inboxes (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT sessions_staff_fkey FOREIGN KEY (tenant_id, created_by) REFERENCES staff (tenant_id, id)
);
SELECT protect_table('sessions');
-- A worker looks over its shards: which sessions, wanted how. All else it does as the tenant.
SELECT open_to_system('sessions', 'SELECT');

-- What the session's library keeps: keys, ratchets, lists. Opaque, sealed, and written under the epoch only.
CREATE TABLE session_state (
    tenant_id uuid NOT NULL,
    session_id uuid NOT NULL,
    kind text NOT NULL,
    key bytea NOT NULL,
    value_sealed bytea NOT NULL,
    -- What may be forgotten is dated.
    dated_at timestamptz,
    CONSTRAINT session_state_pkey PRIMARY KEY (tenant_id, session_id, kind, key),
    CONSTRAINT session_state_session_fkey FOREIGN KEY (tenant_id, session_id) REFERENCES sessions (tenant_id, id) ON DELETE CASCADE
);
SELECT protect_table('session_state');

-- What is to go out over a session, in order. The id the network will know it by is chosen with the row, so that a second
-- try is not a second message.
CREATE TABLE session_outbox (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    session_id uuid NOT NULL,
    -- The message it carries; null for a reaction, a read mark, a deletion.
    message_id uuid,
    attempt integer NOT NULL DEFAULT 1,
    order_body jsonb NOT NULL,
    wire_id text NOT NULL,
    state text NOT NULL DEFAULT 'ready'
        CONSTRAINT session_outbox_state_check CHECK (state IN ('ready', 'sending', 'done', 'failed')),
    tries integer NOT NULL DEFAULT 0,
    not_before timestamptz NOT NULL,
    last_error text,
    created_at timestamptz NOT NULL,
    CONSTRAINT session_outbox_pkey PRIMARY KEY (tenant_id, id),
    CONSTRAINT session_outbox_wire_key UNIQUE (tenant_id, session_id, wire_id),
    CONSTRAINT session_outbox_session_fkey FOREIGN KEY (tenant_id, session_id) REFERENCES sessions (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT session_outbox_message_fkey FOREIGN KEY (tenant_id, message_id) REFERENCES messages (tenant_id, id) ON DELETE CASCADE
);
SELECT protect_table('session_outbox');
SELECT open_to_system('session_outbox', 'SELECT (tenant_id, id, session_id, state, tries, not_before, created_at)');
CREATE INDEX session_outbox_open_idx ON session_outbox (tenant_id, session_id, id) WHERE state IN ('ready', 'sending');
