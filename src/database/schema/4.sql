-- Whose a conversation is, where users are known. One without an owner is open to the team.
ALTER TABLE conversations ADD COLUMN owner TEXT;
-- 1: for its owner and its guests alone.
ALTER TABLE conversations ADD COLUMN private INTEGER NOT NULL DEFAULT 0 CHECK (private IN (0, 1));
-- What a link to it holds, random; NULL where there is none.
ALTER TABLE conversations ADD COLUMN link TEXT;
-- The conversation and turn that it goes on from. That conversation may be gone.
ALTER TABLE conversations ADD COLUMN forked_from INTEGER;
ALTER TABLE conversations ADD COLUMN forked_turn INTEGER;

-- Users who have opened the link of a private conversation.
CREATE TABLE guests (
    conversation_id INTEGER NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
    user            TEXT    NOT NULL,
    PRIMARY KEY (conversation_id, user)
) STRICT, WITHOUT ROWID;

-- A conversation is its first author's.
UPDATE conversations SET owner = (
    SELECT payload ->> '$.author' FROM entries
    WHERE entries.conversation_id = conversations.id AND kind = 'user_message'
    ORDER BY turn LIMIT 1);
