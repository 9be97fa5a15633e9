-- Calls, their turns and tool calls, and how a tenant wants its phone answered.
CREATE TABLE calls (
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    id uuid NOT NULL,
    inbox_id uuid,
    contact_id uuid,
    conversation_id uuid,
    -- Twilio's CallSid; a browser call's own id.
    provider_id text NOT NULL,
    source text NOT NULL CONSTRAINT calls_source_check CHECK (source IN ('twilio', 'phone')),
    direction text NOT NULL CONSTRAINT calls_direction_check CHECK (direction IN ('in', 'out')),
    from_address text NOT NULL,
    to_address text NOT NULL,
    state text NOT NULL CONSTRAINT calls_state_check
        CHECK (state IN ('ringing', 'live', 'ended', 'not_taken')),
    -- Who spoke with the caller: 'realtime', 'receptionist' (or null before the stream opened).
    agent text,
    -- Why it ended or was not taken: caller_hung_up, agent_hung_up, staff_hung_up, transferred, max_duration, silence,
    -- over_capacity, outside_hours, failed, lost.
    outcome text,
    -- What a caller got who was not taken: voicemail, forward.
    fallback text,
    summary text,
    started_at timestamptz NOT NULL,
    answered_at timestamptz,
    ended_at timestamptz,
    -- The provider's status, joined: it only ever moves forward (see hub/src/call/status.rs).
    provider_status text NOT NULL DEFAULT 'ringing',
    -- The node that carries it, for operators.
    node text,
    -- How often it came back from a node that died or drained.
    resumes integer NOT NULL DEFAULT 0,
    version integer NOT NULL DEFAULT 1,
    CONSTRAINT calls_pkey PRIMARY KEY (tenant_id, id),
    CONSTRAINT calls_provider_key UNIQUE (tenant_id, provider_id),
    CONSTRAINT calls_inbox_fkey FOREIGN KEY (tenant_id, inbox_id) REFERENCES inboxes (tenant_id, id),
    CONSTRAINT calls_contact_fkey FOREIGN KEY (tenant_id, contact_id) REFERENCES contacts (tenant_id, id),
    CONSTRAINT calls_conversation_fkey FOREIGN KEY (tenant_id, conversation_id) REFERENCES conversations (tenant_id, id)
);
SELECT protect_table('calls');
SELECT open_to_system('calls', 'SELECT');
CREATE INDEX calls_list_idx ON calls (tenant_id, started_at DESC, id DESC);
CREATE INDEX calls_live_idx ON calls (tenant_id, state) WHERE state IN ('ringing', 'live');
ALTER TABLE messages ADD CONSTRAINT messages_call_fkey FOREIGN KEY (tenant_id, call_id) REFERENCES calls (tenant_id, id);

CREATE TABLE turns (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    call_id uuid NOT NULL,
    ordinal integer NOT NULL,
    speaker text NOT NULL CONSTRAINT turns_speaker_check CHECK (speaker IN ('caller', 'agent', 'staff', 'tool')),
    -- What was said. For an interrupted agent turn: what the caller heard; `unheard` is the rest.
    text text NOT NULL,
    unheard text NOT NULL DEFAULT '',
    interrupted boolean NOT NULL DEFAULT false,
    -- Milliseconds since the call was answered.
    started_ms integer NOT NULL,
    ended_ms integer NOT NULL,
    -- Caller's silence to first audio heard, for agent turns.
    latency_ms integer,
    CONSTRAINT turns_pkey PRIMARY KEY (tenant_id, id),
    CONSTRAINT turns_ordinal_key UNIQUE (tenant_id, call_id, ordinal),
    CONSTRAINT turns_call_fkey FOREIGN KEY (tenant_id, call_id) REFERENCES calls (tenant_id, id) ON DELETE CASCADE
);
SELECT protect_table('turns');

CREATE TABLE tool_calls (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    call_id uuid NOT NULL,
    name text NOT NULL,
    arguments jsonb NOT NULL,
    result jsonb NOT NULL,
    at timestamptz NOT NULL,
    CONSTRAINT tool_calls_pkey PRIMARY KEY (tenant_id, id),
    CONSTRAINT tool_calls_call_fkey FOREIGN KEY (tenant_id, call_id) REFERENCES calls (tenant_id, id) ON DELETE CASCADE
);
SELECT protect_table('tool_calls');
CREATE INDEX tool_calls_call_idx ON tool_calls (tenant_id, call_id);

CREATE TABLE agent_settings (
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    -- The whole of hub::agent_settings::AgentSettings; a new setting is a new field with a default.
    settings jsonb NOT NULL,
    version integer NOT NULL DEFAULT 1,
    updated_at timestamptz NOT NULL,
    CONSTRAINT agent_settings_pkey PRIMARY KEY (tenant_id)
);
SELECT protect_table('agent_settings');
