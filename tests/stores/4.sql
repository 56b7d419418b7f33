-- As a program of schema 4 wrote: a conversation with an owner and a link, and its guest.
INSERT INTO conversations
    (id, project, title, reserved_seq, explicit, written, created_at, updated_at, owner, private, link) VALUES
    (4, 'demo', 'Whose?', 100, 1, 1, '2026-04-07T10:00:00.000000Z', '2026-04-07T10:00:00.000000Z', 'ben', 1, 'secret-link');
INSERT INTO guests (conversation_id, user) VALUES (4, 'ana');
