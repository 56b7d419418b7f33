-- What answers took. A row outlives its conversation: what is used up stays used up. Answers that came
-- before this table are not in it.
CREATE TABLE answers (
    conversation_id INTEGER NOT NULL,
    turn            INTEGER NOT NULL,
    project         TEXT    NOT NULL,
    -- Who asked, where users are known.
    user            TEXT,
    agent           TEXT    NOT NULL,
    -- 'completed', 'stopped', 'interrupted' or 'failed'.
    outcome         TEXT    NOT NULL,
    ended_at        TEXT    NOT NULL,
    duration_ms     INTEGER NOT NULL,
    -- NULL where there was no text.
    first_text_ms   INTEGER,
    -- Tokens read, without those from a cache.
    input_tokens    INTEGER NOT NULL,
    -- Tokens read from a cache.
    cached_tokens   INTEGER NOT NULL,
    output_tokens   INTEGER NOT NULL,
    -- US dollars.
    cost_usd        REAL    NOT NULL,
    PRIMARY KEY (conversation_id, turn)
) STRICT, WITHOUT ROWID;

CREATE INDEX answers_ended ON answers (ended_at);
CREATE INDEX answers_user ON answers (user, ended_at);
CREATE INDEX answers_project ON answers (project, ended_at);

-- Who ended, deleted or shared what. A row outlives what it names.
CREATE TABLE actions (
    at              TEXT    NOT NULL,
    project         TEXT    NOT NULL,
    kind            TEXT    NOT NULL,
    -- 0 for all conversations of the project.
    conversation_id INTEGER NOT NULL,
    -- Who did it, where users are known.
    user            TEXT,
    is_admin        INTEGER NOT NULL CHECK (is_admin IN (0, 1)),
    PRIMARY KEY (at, project, kind, conversation_id)
) STRICT, WITHOUT ROWID;
