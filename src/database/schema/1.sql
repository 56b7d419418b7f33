-- Times are UTC text, YYYY-MM-DDTHH:MM:SS.ffffffZ: always 27 characters, so that text order is time order.

CREATE TABLE conversations (
    -- AUTOINCREMENT: an id is never given again, not even after the newest conversation is deleted.
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    project       TEXT    NOT NULL,
    title         TEXT,
    -- The agent's own session id.
    agent_session TEXT,
    -- Highest sequence number that may be in use.
    reserved_seq  INTEGER NOT NULL,
    -- 1: listed even while nobody has written in it.
    explicit      INTEGER NOT NULL CHECK (explicit IN (0, 1)),
    -- 1 from the first user message on.
    written       INTEGER NOT NULL DEFAULT 0 CHECK (written IN (0, 1)),
    created_at    TEXT    NOT NULL,
    updated_at    TEXT    NOT NULL
) STRICT;

CREATE INDEX conversations_listed ON conversations (project, updated_at DESC, id DESC)
    WHERE explicit = 1 OR written = 1;
CREATE INDEX conversations_empty ON conversations (id) WHERE explicit = 0 AND written = 0;

CREATE TABLE turns (
    conversation_id INTEGER NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
    turn            INTEGER NOT NULL,
    state           TEXT    NOT NULL CHECK (state IN ('queued', 'running', 'done')),
    -- The question as it was accepted. Its entry follows, with a number of its own: so a message
    -- is acknowledged without a place in the middle of an answer that is being written.
    message_id      TEXT,
    question        TEXT,
    -- 1: a crash left it open and the next start ended it.
    recovered       INTEGER NOT NULL DEFAULT 0 CHECK (recovered IN (0, 1)),
    started_at      TEXT,
    ended_at        TEXT,
    PRIMARY KEY (conversation_id, turn)
) STRICT, WITHOUT ROWID;

-- A message that is sent again after a reconnect is accepted once.
CREATE UNIQUE INDEX turns_message_id ON turns (conversation_id, message_id)
    WHERE message_id IS NOT NULL;
CREATE INDEX turns_open ON turns (conversation_id, turn) WHERE state <> 'done';

-- Where a page of the original, which names no conversation after a reconnect, was last.
CREATE TABLE visits (
    browser         TEXT    NOT NULL,
    project         TEXT    NOT NULL,
    conversation_id INTEGER NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
    -- Newest sequence number when it came in.
    seq             INTEGER NOT NULL,
    visited_at      TEXT    NOT NULL,
    PRIMARY KEY (browser, project)
) STRICT, WITHOUT ROWID;

CREATE INDEX visits_conversation ON visits (conversation_id);
CREATE INDEX visits_age ON visits (visited_at);

CREATE TABLE entries (
    id              INTEGER PRIMARY KEY,
    conversation_id INTEGER NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
    turn            INTEGER NOT NULL,
    first_seq       INTEGER NOT NULL,
    last_seq        INTEGER NOT NULL CHECK (last_seq >= first_seq),
    kind            TEXT    NOT NULL,
    -- A JSON object.
    payload         TEXT    NOT NULL CHECK (json_valid(payload)),
    message_id      TEXT    GENERATED ALWAYS AS
        (CASE kind WHEN 'user_message' THEN payload ->> '$.message_id' END) VIRTUAL,
    created_at      TEXT    NOT NULL,
    updated_at      TEXT    NOT NULL,
    UNIQUE (conversation_id, first_seq)
) STRICT;

-- A message that is sent again after a reconnect is stored once.
CREATE UNIQUE INDEX entries_message_id ON entries (conversation_id, message_id)
    WHERE message_id IS NOT NULL;
-- A turn has one end.
CREATE UNIQUE INDEX entries_end ON entries (conversation_id, turn)
    WHERE kind IN ('response_done', 'error');
-- What the view of messages is made of.
CREATE INDEX entries_spoken ON entries (conversation_id, kind, turn, first_seq)
    WHERE kind = 'user_message' OR kind = 'text';

-- The conversation as the original tells it: what people asked and, of the turns that are over,
-- all text that was answered, joined with nothing between.
CREATE VIEW messages (id, conversation_id, role, content, timestamp, first_seq) AS
    SELECT id, conversation_id, 'user', payload ->> '$.content', created_at, first_seq
    FROM entries
    WHERE kind = 'user_message'
    UNION ALL
    SELECT min(entry.id), turn.conversation_id, 'assistant',
           group_concat(entry.payload ->> '$.content', '' ORDER BY entry.first_seq),
           min(entry.created_at), min(entry.first_seq)
    FROM turns AS turn
    JOIN entries AS entry ON entry.conversation_id = turn.conversation_id
        AND entry.turn = turn.turn AND entry.kind = 'text'
    WHERE turn.state = 'done'
    GROUP BY turn.conversation_id, turn.turn;

-- Where an imported conversation came from, so that it is brought in once.
CREATE TABLE imports (
    project                TEXT    NOT NULL,
    source                 TEXT    NOT NULL,
    source_conversation_id INTEGER NOT NULL,
    -- The original gives ids of deleted conversations again, so the id alone does not tell.
    source_created_at      TEXT    NOT NULL,
    conversation_id        INTEGER NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
    imported_at            TEXT    NOT NULL,
    PRIMARY KEY (project, source, source_conversation_id, source_created_at)
) STRICT, WITHOUT ROWID;

CREATE INDEX imports_conversation ON imports (conversation_id);

-- Full text of questions and answers. The index keeps no text of its own. Answers enter it when
-- their turn ends: a text that grows five times a second would be taken out and put in each time.
CREATE VIEW spoken (id, content) AS
    SELECT id, payload ->> '$.content' FROM entries WHERE kind IN ('user_message', 'text');

CREATE VIRTUAL TABLE search USING fts5 (
    content, content = 'spoken', content_rowid = 'id', tokenize = 'unicode61 remove_diacritics 2'
);

CREATE TRIGGER entries_search_insert AFTER INSERT ON entries
WHEN new.kind = 'user_message' OR (new.kind = 'text' AND EXISTS (
    SELECT 1 FROM turns
    WHERE conversation_id = new.conversation_id AND turn = new.turn AND state = 'done'))
BEGIN
    INSERT INTO search (rowid, content) VALUES (new.id, new.payload ->> '$.content');
END;

-- search_docsize has a row for each indexed entry.
CREATE TRIGGER entries_search_update AFTER UPDATE OF payload ON entries
WHEN EXISTS (SELECT 1 FROM search_docsize WHERE id = old.id)
BEGIN
    INSERT INTO search (search, rowid, content)
        VALUES ('delete', old.id, old.payload ->> '$.content');
    INSERT INTO search (rowid, content) VALUES (new.id, new.payload ->> '$.content');
END;

CREATE TRIGGER entries_search_delete AFTER DELETE ON entries
WHEN EXISTS (SELECT 1 FROM search_docsize WHERE id = old.id)
BEGIN
    INSERT INTO search (search, rowid, content)
        VALUES ('delete', old.id, old.payload ->> '$.content');
END;

CREATE TRIGGER turns_search_insert AFTER INSERT ON turns WHEN new.state = 'done'
BEGIN
    INSERT INTO search (rowid, content)
        SELECT id, payload ->> '$.content' FROM entries
        WHERE conversation_id = new.conversation_id AND turn = new.turn AND kind = 'text';
END;

CREATE TRIGGER turns_search_update AFTER UPDATE OF state ON turns
WHEN new.state = 'done' AND old.state <> 'done'
BEGIN
    INSERT INTO search (rowid, content)
        SELECT id, payload ->> '$.content' FROM entries
        WHERE conversation_id = new.conversation_id AND turn = new.turn AND kind = 'text';
END;
