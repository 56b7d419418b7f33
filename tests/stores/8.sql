-- As a program of schema 8 wrote: what an answer took, and who shared what, in the table before the audit log.
INSERT INTO answers (conversation_id, turn, project, user, agent, outcome, ended_at, duration_ms, first_text_ms,
    input_tokens, cached_tokens, output_tokens, cost_usd) VALUES
    (1, 1, 'demo', 'ana', 'guide', 'completed', '2026-01-07T10:00:02.000000Z', 2000, 1000, 10, 20, 30, 0.5);
INSERT INTO actions (at, project, kind, conversation_id, user, is_admin) VALUES
    ('2026-08-07T10:00:00.000000Z', 'demo', 'published', 1, 'ana', 0),
    ('2026-08-07T10:00:01.000000Z', 'demo', 'ended', 0, NULL, 1);
