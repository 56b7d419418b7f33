-- As a program of schema 1 wrote: an answered question, and one that waits, whose text stands plain.
INSERT INTO conversations (id, project, title, reserved_seq, explicit, written, created_at, updated_at) VALUES
    (1, 'demo', 'Where is the pelican?', 100, 0, 1, '2026-01-07T10:00:00.000000Z', '2026-01-07T10:00:02.000000Z'),
    (2, 'demo', 'say otter', 100, 0, 1, '2026-01-07T10:01:00.000000Z', '2026-01-07T10:01:00.000000Z');
INSERT INTO turns (conversation_id, turn, state, started_at, ended_at) VALUES
    (1, 1, 'done', '2026-01-07T10:00:00.000000Z', '2026-01-07T10:00:02.000000Z');
INSERT INTO turns (conversation_id, turn, state, message_id, question) VALUES
    (2, 1, 'queued', 'waiting-1', 'say otter');
INSERT INTO entries (id, conversation_id, turn, first_seq, last_seq, kind, payload, created_at, updated_at) VALUES
    (1, 1, 1, 1, 1, 'user_message', '{"message_id":"one","author":"ana","content":"Where is the pelican?"}', '2026-01-07T10:00:00.000000Z', '2026-01-07T10:00:00.000000Z'),
    (2, 1, 1, 2, 5, 'text', '{"block":0,"content":"In the Käse."}', '2026-01-07T10:00:01.000000Z', '2026-01-07T10:00:02.000000Z'),
    (3, 1, 1, 6, 6, 'response_done', '{"outcome":"completed"}', '2026-01-07T10:00:02.000000Z', '2026-01-07T10:00:02.000000Z');
