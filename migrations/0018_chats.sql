-- What a chat carries beyond words: files that the network keeps encrypted, answers to a message, signs on it, its earlier
-- words, that it was taken back, places and cards; and files that staff have put in to send.
SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '60s';

-- Older rows kept to a narrower rule, so there is nothing to look through.
-- squawk-ignore ban-drop-constraint
ALTER TABLE attachments DROP CONSTRAINT attachments_kind_check;
ALTER TABLE attachments ADD CONSTRAINT attachments_kind_check
    CHECK (kind IN ('recording', 'image', 'audio', 'voice', 'video', 'sticker', 'file')) NOT VALID;
-- What its sender calls a file.
ALTER TABLE attachments ADD COLUMN file_name text;

-- Files that a session's network keeps, until its worker has fetched them: where and by which keys, sealed. One that could
-- not be had stays here, for another try, with nothing planned.
CREATE TABLE session_media (
    tenant_id uuid NOT NULL,
    attachment_id uuid NOT NULL,
    session_id uuid NOT NULL,
    reference_sealed bytea NOT NULL,
    tries integer NOT NULL DEFAULT 0,
    -- When it is tried next; null when it is not.
    not_before timestamptz,
    CONSTRAINT session_media_pkey PRIMARY KEY (tenant_id, attachment_id),
    CONSTRAINT session_media_attachment_fkey FOREIGN KEY (tenant_id, attachment_id)
        REFERENCES attachments (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT session_media_session_fkey FOREIGN KEY (tenant_id, session_id) REFERENCES sessions (tenant_id, id) ON DELETE CASCADE
);
SELECT protect_table('session_media');
SELECT open_to_system('session_media', 'SELECT (tenant_id, session_id, not_before)');
CREATE INDEX session_media_open_idx ON session_media (tenant_id, session_id, not_before) WHERE not_before IS NOT NULL;

ALTER TABLE messages
    -- Which message of the conversation it answers.
    ADD COLUMN answers_id uuid,
    -- Who said it, where that is not the conversation's contact: in a group.
    ADD COLUMN sender_address text,
    ADD COLUMN sender_name text,
    -- Ours, but not from here: typed on the account's own phone.
    ADD COLUMN elsewhere boolean NOT NULL DEFAULT false,
    -- A place or somebody's card, where it is one.
    ADD COLUMN card jsonb,
    ADD COLUMN edited_at timestamptz,
    -- Taken back, by which side and, where it was done here, by whom. The words stay on record.
    ADD COLUMN deleted_at timestamptz,
    ADD COLUMN deleted_by text,
    ADD COLUMN deleted_staff_id uuid;
ALTER TABLE messages
    ADD CONSTRAINT messages_deleted_check CHECK ((deleted_at IS NULL) = (deleted_by IS NULL)) NOT VALID,
    ADD CONSTRAINT messages_deleted_staff_fkey FOREIGN KEY (tenant_id, deleted_staff_id)
        REFERENCES staff (tenant_id, id) NOT VALID,
    ADD CONSTRAINT messages_answers_fkey FOREIGN KEY (tenant_id, answers_id) REFERENCES messages (tenant_id, id) NOT VALID;

-- What a message said before it was changed.
CREATE TABLE message_versions (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    message_id uuid NOT NULL,
    body text NOT NULL,
    -- Until when it said that.
    until timestamptz NOT NULL,
    CONSTRAINT message_versions_pkey PRIMARY KEY (tenant_id, id),
    CONSTRAINT message_versions_message_fkey FOREIGN KEY (tenant_id, message_id) REFERENCES messages (tenant_id, id) ON DELETE CASCADE
);
SELECT protect_table('message_versions');
CREATE INDEX message_versions_message_idx ON message_versions (tenant_id, message_id);

-- One sign of each side, and of each person of a group, on a message.
CREATE TABLE message_reactions (
    tenant_id uuid NOT NULL,
    message_id uuid NOT NULL,
    -- Their address; empty for our side.
    sender text NOT NULL,
    sender_name text,
    staff_id uuid,
    emoji text NOT NULL,
    -- When the sender says it was set: of two, the later counts.
    at timestamptz NOT NULL,
    CONSTRAINT message_reactions_pkey PRIMARY KEY (tenant_id, message_id, sender),
    CONSTRAINT message_reactions_message_fkey FOREIGN KEY (tenant_id, message_id)
        REFERENCES messages (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT message_reactions_staff_fkey FOREIGN KEY (tenant_id, staff_id) REFERENCES staff (tenant_id, id)
);
SELECT protect_table('message_reactions');

-- Files that staff have put in, until a message takes them along; those that none took are forgotten after a day.
CREATE TABLE uploads (
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    id uuid NOT NULL,
    staff_id uuid,
    kind text NOT NULL,
    media_type text NOT NULL,
    size_bytes bigint NOT NULL,
    file_name text,
    object_key text NOT NULL,
    created_at timestamptz NOT NULL,
    CONSTRAINT uploads_pkey PRIMARY KEY (tenant_id, id),
    CONSTRAINT uploads_staff_fkey FOREIGN KEY (tenant_id, staff_id) REFERENCES staff (tenant_id, id)
);
SELECT protect_table('uploads');
SELECT open_to_system('uploads', 'SELECT (tenant_id, id, object_key, created_at), DELETE');
CREATE INDEX uploads_created_idx ON uploads (created_at);
