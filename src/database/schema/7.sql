-- Frozen copies of conversations, for everybody who has their address.
CREATE TABLE snapshots (
    conversation_id INTEGER PRIMARY KEY REFERENCES conversations (id) ON DELETE CASCADE,
    -- The end of its address, random.
    token           TEXT    NOT NULL UNIQUE,
    project         TEXT    NOT NULL,
    -- The conversation's title at that time.
    title           TEXT,
    -- Who published it, where users are known. It is not shown to strangers.
    published_by    TEXT,
    published_at    TEXT    NOT NULL,
    -- Questions and answers as HTML. The last column: it is not read where the others are.
    html            TEXT    NOT NULL
) STRICT;
