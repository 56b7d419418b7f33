-- Files that people attach to questions.
CREATE TABLE attachments (
    -- Random, so that nobody guesses it.
    id              TEXT    PRIMARY KEY,
    conversation_id INTEGER NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
    name            TEXT    NOT NULL,
    type            TEXT    NOT NULL,
    -- Of an image, in pixels.
    width           INTEGER,
    height          INTEGER,
    -- Who sent it, until a question names it; then NULL.
    sender          TEXT,
    created_at      TEXT    NOT NULL,
    -- The last column: it is not read where the others are.
    content         BLOB    NOT NULL
) STRICT;

CREATE INDEX attachments_conversation ON attachments (conversation_id);
-- Those that no question names yet.
CREATE INDEX attachments_loose ON attachments (sender, created_at) WHERE sender IS NOT NULL;
