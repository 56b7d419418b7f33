-- Answers that people keep as notes of their project.
CREATE TABLE notes (
    conversation_id INTEGER NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
    turn            INTEGER NOT NULL,
    project         TEXT    NOT NULL,
    -- Who keeps it, where users are known.
    kept_by         TEXT,
    kept_at         TEXT    NOT NULL,
    PRIMARY KEY (conversation_id, turn)
) STRICT, WITHOUT ROWID;

CREATE INDEX notes_newest ON notes (project, kept_at DESC);
