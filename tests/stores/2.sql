-- As a program of schema 2 wrote: a question that waits as the payload of its entry.
INSERT INTO conversations (id, project, title, reserved_seq, explicit, written, created_at, updated_at) VALUES
    (3, 'demo', 'say heron', 100, 0, 1, '2026-02-07T10:01:00.000000Z', '2026-02-07T10:01:00.000000Z');
INSERT INTO turns (conversation_id, turn, state, message_id, question) VALUES
    (3, 1, 'queued', 'waiting-2', '{"message_id":"waiting-2","content":"say heron"}');
