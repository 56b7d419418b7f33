-- As a program of schema 5 wrote: a reaction.
INSERT INTO reactions (conversation_id, turn, person, user, verdict, why, reacted_at) VALUES
    (1, 1, 'user ben', 'ben', 'wrong', 'It is elsewhere.', '2026-05-07T10:00:00.000000Z');
