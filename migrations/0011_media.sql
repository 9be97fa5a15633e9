-- Files that a provider keeps for us until we fetched them: an attachment is there from the message's first moment, its
-- bytes come a moment later, or cannot be had, with what to do about it.
SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '60s';

ALTER TABLE attachments
    ADD COLUMN state text NOT NULL DEFAULT 'stored',
    -- Where the provider keeps it; null for what was ours from the beginning.
    ADD COLUMN source_url text,
    ADD COLUMN failure_code text,
    ADD COLUMN failure_help text;
-- Every row that there is has the default, so there is nothing to look through.
ALTER TABLE attachments
    ADD CONSTRAINT attachments_state_check CHECK (state IN ('waiting', 'stored', 'failed')) NOT VALID;
