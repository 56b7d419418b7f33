-- What lets people in under their names: logins of browsers, and personal tokens. The secrets themselves are not here.
CREATE TABLE credentials (
    -- SHA-256 of the secret, in hexadecimal digits.
    hash    TEXT    NOT NULL PRIMARY KEY,
    id      TEXT    NOT NULL UNIQUE,
    -- 'login', or what a token may do: 'read', 'ask' or 'admin'.
    kind    TEXT    NOT NULL,
    -- What its owner calls a token.
    name    TEXT    NOT NULL,
    user    TEXT    NOT NULL,
    -- JSON: a list of names, as they were told last.
    groups  TEXT    NOT NULL,
    -- Which provider a login is of.
    origin  TEXT    NOT NULL,
    -- Seconds since 1970.
    made_at INTEGER NOT NULL,
    ends_at INTEGER NOT NULL,
    used_at INTEGER
) STRICT, WITHOUT ROWID;

CREATE INDEX credentials_user ON credentials (user);

-- Who did what: what was a table of actions has more kinds, and some are of no project. A row outlives what it
-- names.
CREATE TABLE audit (
    at              TEXT    NOT NULL,
    kind            TEXT    NOT NULL,
    -- '' where it is of no project.
    project         TEXT    NOT NULL,
    -- 0 where it is of no conversation.
    conversation_id INTEGER NOT NULL,
    -- '' where the user is not known.
    user            TEXT    NOT NULL,
    -- The name of a token, an address, or a question where that is wished; else ''.
    detail          TEXT    NOT NULL,
    is_admin        INTEGER NOT NULL CHECK (is_admin IN (0, 1)),
    PRIMARY KEY (at, kind, project, conversation_id, user, detail)
) STRICT, WITHOUT ROWID;

INSERT INTO audit (at, kind, project, conversation_id, user, detail, is_admin)
    SELECT at, kind, project, conversation_id, ifnull(user, ''), '', is_admin FROM actions;

DROP TABLE actions;
