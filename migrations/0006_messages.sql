-- Submissions (raw intake), messages, their receipts and attachments.
CREATE TABLE submissions (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    inbox_id uuid NOT NULL,
    source text NOT NULL CONSTRAINT submissions_source_check CHECK (source IN ('sms', 'form')),
    -- The provider's id of the event, or the browser's key: a repeat is the same submission.
    dedup_key text NOT NULL,
    body jsonb NOT NULL,
    received_at timestamptz NOT NULL,
    processed_at timestamptz,
    message_id uuid,
    CONSTRAINT submissions_pkey PRIMARY KEY (tenant_id, id),
    CONSTRAINT submissions_dedup_key UNIQUE (tenant_id, inbox_id, dedup_key),
    CONSTRAINT submissions_inbox_fkey FOREIGN KEY (tenant_id, inbox_id) REFERENCES inboxes (tenant_id, id)
);
SELECT protect_table('submissions');
-- Intake of all tenants is committed in shared batches (hub/src/submission/intake.rs), one statement each. The system
-- role may add rows and learn which were new, no more; the foreign key holds each to its tenant's own inbox.
SELECT open_to_system('submissions', 'INSERT, SELECT (tenant_id, id)');
CREATE INDEX submissions_open_idx ON submissions (tenant_id, received_at) WHERE processed_at IS NULL;

CREATE TABLE messages (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    conversation_id uuid NOT NULL,
    direction text NOT NULL CONSTRAINT messages_direction_check CHECK (direction IN ('in', 'out', 'note')),
    author text NOT NULL CONSTRAINT messages_author_check CHECK (author IN ('contact', 'staff', 'agent', 'system')),
    staff_id uuid,
    body text NOT NULL CONSTRAINT messages_body_check CHECK (length(body) <= 16000),
    state text NOT NULL CONSTRAINT messages_state_check
        CHECK (state IN ('received', 'queued', 'sending', 'sent', 'delivered', 'read', 'failed', 'unknown')),
    -- Why it failed and what to do, in words for staff; null unless failed or unknown.
    failure_code text,
    failure_help text,
    -- The provider's id: of an inbound message, or of ours once it is known.
    provider_id text,
    -- The browser's own key of a draft: a second click is the same message.
    draft_key text,
    -- A voicemail or call that this message stands for in the conversation.
    call_id uuid,
    segments integer,
    -- How often staff had it sent, and since when the current attempt is with the provider: what an unknown outcome is
    -- looked up by. A receipt names the attempt it is of.
    attempt integer NOT NULL DEFAULT 1,
    sending_at timestamptz,
    created_at timestamptz NOT NULL,
    sent_at timestamptz,
    CONSTRAINT messages_pkey PRIMARY KEY (tenant_id, id),
    CONSTRAINT messages_draft_key UNIQUE (tenant_id, draft_key),
    CONSTRAINT messages_provider_key UNIQUE (tenant_id, provider_id),
    CONSTRAINT messages_conversation_fkey FOREIGN KEY (tenant_id, conversation_id) REFERENCES conversations (tenant_id, id),
    CONSTRAINT messages_staff_fkey FOREIGN KEY (tenant_id, staff_id) REFERENCES staff (tenant_id, id)
);
SELECT protect_table('messages');
CREATE INDEX messages_conversation_idx ON messages (tenant_id, conversation_id, created_at DESC, id DESC);

CREATE TABLE receipts (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    message_id uuid NOT NULL,
    state text NOT NULL,
    provider_code text,
    at timestamptz NOT NULL,
    CONSTRAINT receipts_pkey PRIMARY KEY (tenant_id, id),
    CONSTRAINT receipts_state_key UNIQUE (tenant_id, message_id, state),
    CONSTRAINT receipts_message_fkey FOREIGN KEY (tenant_id, message_id) REFERENCES messages (tenant_id, id) ON DELETE CASCADE
);
SELECT protect_table('receipts');

CREATE TABLE attachments (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    message_id uuid NOT NULL,
    kind text NOT NULL CONSTRAINT attachments_kind_check CHECK (kind IN ('recording', 'image', 'audio', 'video', 'file')),
    media_type text NOT NULL,
    size_bytes bigint NOT NULL,
    duration_ms integer,
    object_key text NOT NULL,
    created_at timestamptz NOT NULL,
    CONSTRAINT attachments_pkey PRIMARY KEY (tenant_id, id),
    CONSTRAINT attachments_message_fkey FOREIGN KEY (tenant_id, message_id) REFERENCES messages (tenant_id, id) ON DELETE CASCADE
);
SELECT protect_table('attachments');
CREATE INDEX attachments_message_idx ON attachments (tenant_id, message_id);
