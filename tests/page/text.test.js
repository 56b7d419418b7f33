// Text about the conversation, and dates.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { dayHeading, localTimes, shortTime } from '../../static/dates.js';
import { initialConversation, reduce } from '../../static/store.js';
import {
  conversationTitle, plainProse, proseOf, queuePositionText, readOnlyText, statusLine, stoppedText, tooLongText, viewersText,
} from '../../static/text.js';

test('the status line says what goes on', () => {
  const open = { ...initialConversation(1), connection: 'open', caughtUp: true };
  const said = (...frames) => statusLine(frames.reduce(reduce, open), '/app').text;
  const asked = { type: 'user_message', seq: 1, turn: 1, content: 'a' };
  const call = { type: 'tool_call', seq: 2, turn: 1, call_id: 'c', tool: 'Read', input: { file_path: '/app/a.rs' } };
  assert.equal(said(), '');
  assert.equal(said(asked), 'Thinking…');
  assert.equal(said(asked, { type: 'status', state: 'starting', detail: 'Waking the agent…' }), 'Waking the agent…');
  assert.equal(said(asked, call), 'Reading a.rs…');
  assert.match(said(asked, { ...asked, seq: 3, turn: 2 }), /^Waiting: 1 question before/);
  assert.match(said(asked, { type: 'connection', phase: 'lost' }), /Your text is kept/);
});

test('the status line says why nothing comes, and what becomes of the text', () => {
  const open = { ...initialConversation(1), connection: 'open', wasOpen: true, caughtUp: true };
  const said = (...frames) => statusLine(frames.reduce(reduce, open), '/app');
  const queued = { type: 'status', state: 'queued', detail: 'Waiting: 2 questions before yours; you can leave, the answer will be here' };
  assert.equal(said(queued).text, `${queued.detail}.`);
  const lost = { type: 'connection', phase: 'lost' };
  assert.deepEqual(said(lost), { text: 'The connection is lost. Reconnecting… Your text is kept.', urgent: true, retry: true });
  // While it is tried, the words stay the same: nothing flickers.
  assert.equal(said(lost, { type: 'connection', phase: 'connecting' }).text, said(lost).text);
  assert.match(said(lost, { type: 'network', online: false }).text, /^This device is offline\. Your text is kept/);
  assert.equal(said({ type: 'network', online: false }).text, '', 'the connection holds whatever the device believes');
  assert.equal(queuePositionText(1), 'Waiting for 1 question before this one.');
  assert.equal(queuePositionText(2), 'Waiting for 2 questions before this one.');
  assert.equal(viewersText(1), '');
  assert.equal(viewersText(3), '3 people are reading this');
  assert.equal(viewersText(1, ['Ana'], 'Ana'), '');
  assert.equal(viewersText(2, ['Ana'], null), 'Ana is here');
  assert.equal(viewersText(2, ['Ana', 'Ben'], 'Ben'), 'Ana is here');
  assert.equal(viewersText(3, ['Ana', 'Ben'], 'Ben'), 'Ana and 1 other are here');
  assert.equal(viewersText(3, ['Ana', 'Ben', 'Cleo'], 'Ben'), 'Ana and Cleo are here');
  assert.equal(viewersText(9, ['Ana', 'Ben', 'Cleo', 'Dan', 'Eve'], null), 'Ana, Ben, Cleo and 5 others are here');
  const stopped = reduce(open, { type: 'response_done', seq: 3, turn: 1, outcome: 'stopped', stopped_by: 'Ana' });
  assert.equal(stoppedText(stopped.turns[0].end), 'Stopped by Ana.');
  assert.equal(stoppedText({ kind: 'done', seq: 1, outcome: 'stopped' }), 'Stopped.');
});

test('a question that is too long is told by how much, before it is sent', () => {
  assert.equal(tooLongText('x'.repeat(2048), 2048), '');
  assert.equal(tooLongText('x'.repeat(9000), 0), '', 'nothing is known yet');
  assert.equal(
    tooLongText('ü'.repeat(2048), 2048),
    'The question is too long: 4 KiB, and the limit is 2 KiB. Shorten it by 2 KiB.',
  );
});

test('the badge says what was tried, and warns where something is not proved', () => {
  const tried = ['create a file', 'delete a file'];
  assert.equal(readOnlyText(null), null);
  assert.equal(readOnlyText({ verdict: 'pending', tried: [], missing: [] }), null);
  const proved = readOnlyText({ verdict: 'proved', tried, missing: [] });
  assert.equal(proved.text, 'read-only');
  assert.ok(proved.isGood);
  assert.deepEqual(proved.tried, tried);
  for (const verdict of ['partly', 'off', 'failed']) {
    const badge = readOnlyText({ verdict, tried, missing: ['it could do it'] });
    assert.ok(!badge.isGood && badge.text !== 'read-only', verdict);
  }
  assert.match(readOnlyText({ verdict: 'failed', tried, missing: ['it could do it'] }).sentence, /it could do it/);
  assert.match(readOnlyText({ verdict: 'partly', tried, missing: ['it'] }).sentence, /tried 2 ways to change the project .*\. The kernel refused all of them\. Problems: it\./);
});

test('conversations are grouped by local days', () => {
  const now = new Date(2026, 4, 10, 9);
  const at = (...parts) => new Date(...parts).toISOString();
  assert.equal(dayHeading(at(2026, 4, 10, 0, 1), now), 'Today');
  assert.equal(dayHeading(at(2026, 4, 9, 23, 59), now), 'Yesterday');
  assert.equal(dayHeading(at(2026, 4, 8, 12), now), 'Friday');
  assert.equal(dayHeading(at(2026, 4, 4, 0, 1), now), 'Monday');
  assert.equal(dayHeading(at(2026, 4, 3, 23, 59), now), 'Earlier');
  assert.equal(dayHeading(at(2026, 3, 1), now), 'Earlier');
});

test('a moment is told as short as its day allows', () => {
  const now = new Date(2026, 4, 10, 9);
  const at = (...parts) => new Date(...parts).toISOString();
  assert.equal(shortTime(at(2026, 4, 10, 8, 5), now), '08:05');
  assert.equal(shortTime(at(2026, 4, 8, 12, 30), now), '12:30');
  assert.equal(shortTime(at(2026, 3, 1, 12), now), '1 Apr');
  assert.equal(shortTime(at(2025, 11, 31, 12), now), '31 Dec 2025');
});

test('a moment of the server is told in the time of this device', () => {
  const at = (...parts) => `${new Date(...parts).toISOString().slice(0, 16).replace('T', ' ')} UTC`;
  const now = new Date(2026, 10, 22, 9);
  const said = (when) => localTimes(`The limit is reached until ${when}. Ask again then.`, now);
  assert.equal(said(at(2026, 10, 22, 14, 5)), 'The limit is reached until 14:05. Ask again then.');
  assert.equal(said(at(2026, 10, 24, 14, 5)), 'The limit is reached until 24 Nov, 14:05. Ask again then.');
  assert.equal(said(at(2027, 0, 1, 0, 30)), 'The limit is reached until 1 Jan 2027, 00:30. Ask again then.');
  for (const text of ['', 'until 2026-11-22', 'at 14:05 UTC', '2026-99-99 10:00 UTC']) assert.equal(localTimes(text, now), text);
});

test('what keeps the agent is told while it lasts', () => {
  const open = { ...initialConversation(1), connection: 'open', caughtUp: true };
  const asked = { type: 'user_message', seq: 1, turn: 1, content: 'a' };
  const said = (state, detail) => statusLine([asked, { type: 'status', state, detail }].reduce(reduce, open), '/app').text;
  assert.equal(said('compacting', 'It is summarized…'), 'It is summarized…');
  assert.match(said('compacting', ''), /summarizing/);
  assert.equal(said('retrying', 'small answers instead of large.'), 'small answers instead of large.');
});

test('messages of the server are sentences without backticks', () => {
  for (const [told, shown] of [
    ['the agent crashed', 'The agent crashed'],
    ['There is no agent "x": the agents are `claude`, `guide`.', 'There is no agent "x": the agents are claude, guide.'],
    ['src/a.rs: there is no such file', 'src/a.rs: there is no such file'],
    ['`limits.queued_messages` is reached', 'limits.queued_messages is reached'],
    ['a ` alone', 'A ` alone'],
    ['', ''],
  ]) assert.equal(plainProse(told), shown);
  assert.deepEqual(proseOf('see `a` and `b`'), [
    { text: 'See ', isCode: false }, { text: 'a', isCode: true }, { text: ' and ', isCode: false }, { text: 'b', isCode: true },
  ]);
});

test('a title that was cut from the question is shown whole, on one line', () => {
  const question = 'Where is it decided\nwhich of the questions that wait is answered next?';
  const conversation = { ...initialConversation(1), title: `${question.slice(0, 50)}...`, turns: [{ turn: 1, seq: 1, question, parts: [], end: null }] };
  assert.equal(conversationTitle(conversation), question.replace('\n', ' '));
  assert.equal(conversationTitle({ ...conversation, title: 'The queue...' }), 'The queue...');
  assert.equal(conversationTitle({ ...conversation, title: null }), question.replace('\n', ' '));
  assert.equal(conversationTitle({ ...conversation, title: 'About `a.rs`: why?\n\n```\ncode\n```' }), 'About `a.rs`: why?');
  assert.equal(conversationTitle({ ...conversation, title: '\n```\ncode\n```' }), '``` code ```');
  assert.equal(conversationTitle(initialConversation(1)), '');
  assert.equal(conversationTitle(null), '');
});
