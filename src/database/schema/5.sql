-- What people say of answers, one reaction a person and answer.
CREATE TABLE reactions (
    conversation_id INTEGER NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
    turn            INTEGER NOT NULL,
    -- A user, or where none is known a browser: "user …" or "browser …".
    person          TEXT    NOT NULL,
    -- The user's name, where it is known.
    user            TEXT,
    verdict         TEXT    NOT NULL CHECK (verdict IN ('useful', 'wrong')),
    why             TEXT,
    reacted_at      TEXT    NOT NULL,
    PRIMARY KEY (conversation_id, turn, person)
) STRICT, WITHOUT ROWID;

-- Counts, and the newest answers that somebody finds wrong.
CREATE INDEX reactions_verdict ON reactions (verdict, reacted_at DESC);
