-- As a program of schema 6 wrote: a note.
INSERT INTO notes (conversation_id, turn, project, kept_by, kept_at) VALUES
    (1, 1, 'demo', 'ana', '2026-06-07T10:00:00.000000Z');
