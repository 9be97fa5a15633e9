-- Contacts, their identities, and the conversations with them.
CREATE TABLE contacts (
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    id uuid NOT NULL,
    name text,
    language text,
    about text NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT contacts_pkey PRIMARY KEY (tenant_id, id)
);
SELECT protect_table('contacts');

CREATE TABLE identities (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    contact_id uuid NOT NULL,
    -- 'phone' serves voice, SMS and WhatsApp alike: one number is one person whatever it is used for.
    kind text NOT NULL CONSTRAINT identities_kind_check CHECK (kind IN ('phone', 'mail', 'instagram', 'visitor')),
    address text NOT NULL,
    sms_opted_out_at timestamptz,
    created_at timestamptz NOT NULL,
    CONSTRAINT identities_pkey PRIMARY KEY (tenant_id, id),
    CONSTRAINT identities_address_key UNIQUE (tenant_id, kind, address),
    CONSTRAINT identities_contact_fkey FOREIGN KEY (tenant_id, contact_id) REFERENCES contacts (tenant_id, id) ON DELETE CASCADE
);
SELECT protect_table('identities');
CREATE INDEX identities_contact_idx ON identities (tenant_id, contact_id);

CREATE TABLE conversations (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    contact_id uuid NOT NULL,
    inbox_id uuid NOT NULL,
    channel text NOT NULL,
    status text NOT NULL DEFAULT 'open' CONSTRAINT conversations_status_check CHECK (status IN ('open', 'closed')),
    assignee_id uuid,
    subject text,
    last_message_at timestamptz NOT NULL,
    last_message_preview text NOT NULL DEFAULT '',
    last_message_direction text NOT NULL DEFAULT 'in',
    -- Since when the contact waits for an answer; null when the last word was ours.
    waiting_since timestamptz,
    message_count integer NOT NULL DEFAULT 0,
    inbound_count integer NOT NULL DEFAULT 0,
    version integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL,
    closed_at timestamptz,
    CONSTRAINT conversations_pkey PRIMARY KEY (tenant_id, id),
    CONSTRAINT conversations_contact_fkey FOREIGN KEY (tenant_id, contact_id) REFERENCES contacts (tenant_id, id),
    CONSTRAINT conversations_inbox_fkey FOREIGN KEY (tenant_id, inbox_id) REFERENCES inboxes (tenant_id, id),
    CONSTRAINT conversations_assignee_fkey FOREIGN KEY (tenant_id, assignee_id) REFERENCES staff (tenant_id, id)
);
SELECT protect_table('conversations');
CREATE INDEX conversations_list_idx ON conversations (tenant_id, status, last_message_at DESC, id DESC);
CREATE INDEX conversations_assignee_idx ON conversations (tenant_id, assignee_id, last_message_at DESC);
-- One open conversation per contact and inbox; a closed one is reopened by the contact's next word.
CREATE UNIQUE INDEX conversations_contact_inbox_key ON conversations (tenant_id, contact_id, inbox_id);

-- How many inbound messages of a conversation a staff member has seen; unread = inbound_count - seen_count.
CREATE TABLE conversation_reads (
    tenant_id uuid NOT NULL,
    conversation_id uuid NOT NULL,
    staff_id uuid NOT NULL,
    seen_count integer NOT NULL,
    seen_at timestamptz NOT NULL,
    CONSTRAINT conversation_reads_pkey PRIMARY KEY (tenant_id, conversation_id, staff_id),
    CONSTRAINT conversation_reads_conversation_fkey FOREIGN KEY (tenant_id, conversation_id)
        REFERENCES conversations (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT conversation_reads_staff_fkey FOREIGN KEY (tenant_id, staff_id) REFERENCES staff (tenant_id, id) ON DELETE CASCADE
);
SELECT protect_table('conversation_reads');
