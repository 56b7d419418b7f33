-- As a program of schema 3 wrote: a file of a question.
INSERT INTO attachments (id, conversation_id, name, type, created_at, content) VALUES
    ('0123456789abcdef0123456789abcdef', 1, 'notes.txt', 'text/plain', '2026-03-07T10:00:00.000000Z', CAST('a file' AS BLOB));
