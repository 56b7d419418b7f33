-- As a program of schema 7 wrote: a public snapshot.
INSERT INTO snapshots (conversation_id, token, project, title, published_by, published_at, html) VALUES
    (1, '0123456789abcdef0123456789abcdef', 'demo', 'Where is the pelican?', 'ana', '2026-07-07T10:00:00.000000Z', '<p>In the Käse.</p>');
