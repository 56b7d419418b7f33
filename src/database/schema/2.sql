-- A question that was accepted keeps all that its entry will hold: the entry's payload, not its text alone.
UPDATE turns
SET question = json_patch('{}', json_object('message_id', message_id, 'content', question))
WHERE question IS NOT NULL;
