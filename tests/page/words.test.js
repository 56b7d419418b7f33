// What is said to the person.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openConversation, reduce } from '../../static/store.js';
import { costs, day, moment, readOnlyBadge, status, tellingInput, toolName, toolOutcome } from '../../static/words.js';

test('a tool line tells what matters of the input', () => {
  assert.equal(tellingInput({ file_path: '/home/ana/app/src/a.rs' }, '/home/ana/app'), 'src/a.rs');
  assert.equal(tellingInput({ path: '/home/ana/app', pattern: 'quokka' }, '/home/ana/app'), '"quokka"');
  assert.equal(tellingInput({ file_path: '/home/ana/application/a.rs' }, '/home/ana/app'), '/home/ana/application/a.rs');
  assert.equal(tellingInput({ limit: 3 }, ''), '3');
  assert.equal(tellingInput({}, ''), '');
  assert.equal(toolName('mcp__features__feature_get_stats'), 'feature_get_stats');
});

test('a tool line tells how it came out', () => {
  const part = (result) => ({ kind: 'tool', key: '', callId: '', tool: 'Read', input: {}, result });
  assert.equal(toolOutcome(part(null)), '');
  assert.equal(toolOutcome(part({ ok: false, content: 'no', truncated: false })), 'failed');
  assert.equal(toolOutcome(part({ ok: true, content: 'a\nb\n', truncated: false })), '2 lines');
  assert.equal(toolOutcome(part({ ok: true, content: 'a', truncated: true })), '1+ lines');
});

test('the status line says what goes on', () => {
  const open = { ...openConversation(1), connection: 'open', caughtUp: true };
  const said = (...frames) => status(frames.reduce(reduce, open), '/app').text;
  const asked = { type: 'user_message', seq: 1, turn: 1, content: 'a' };
  const call = { type: 'tool_call', seq: 2, turn: 1, call_id: 'c', tool: 'Read', input: { file_path: '/app/a.rs' } };
  assert.equal(said(), '');
  assert.equal(said(asked), 'Thinking…');
  assert.equal(said(asked, { type: 'status', state: 'starting', detail: 'Waking the agent…' }), 'Waking the agent…');
  assert.equal(said(asked, call), 'Reading a.rs…');
  assert.match(said(asked, { ...asked, seq: 3, turn: 2 }), /^Waiting: 1 question before/);
  assert.match(said(asked, { type: 'connection', phase: 'lost' }), /your text is kept/);
});

test('the badge says what was tried, and warns where something is not proved', () => {
  const tried = ['create a file', 'delete a file'];
  assert.equal(readOnlyBadge(null), null);
  assert.equal(readOnlyBadge({ verdict: 'pending', tried: [], missing: [] }), null);
  const proved = readOnlyBadge({ verdict: 'proved', tried, missing: [] });
  assert.equal(proved.text, 'read-only');
  assert.ok(proved.isGood && proved.words.includes('create a file, delete a file'));
  for (const verdict of ['partly', 'off', 'failed']) {
    const badge = readOnlyBadge({ verdict, tried, missing: ['it could do it'] });
    assert.ok(!badge.isGood && badge.text !== 'read-only', verdict);
  }
  assert.match(readOnlyBadge({ verdict: 'failed', tried, missing: ['it could do it'] }).words, /it could do it/);
});

test('costs are told as far as they are known', () => {
  assert.equal(costs({ kind: 'done', outcome: 'completed' }), '');
  assert.equal(costs({
    kind: 'done', outcome: 'completed', durationMs: 61_000, costUsd: 0.02,
    usage: { input_tokens: 1000, output_tokens: 5, cache_read_tokens: 500 },
  }), '1 min 1 s · 1,500 tokens read, 5 written · $0.0200');
});

test('conversations are grouped by local days', () => {
  const now = new Date(2026, 4, 10, 9);
  const at = (...parts) => new Date(...parts).toISOString();
  assert.equal(day(at(2026, 4, 10, 0, 1), now), 'Today');
  assert.equal(day(at(2026, 4, 9, 23, 59), now), 'Yesterday');
  assert.equal(day(at(2026, 4, 8, 12), now), 'Friday');
  assert.equal(day(at(2026, 4, 4, 0, 1), now), 'Monday');
  assert.equal(day(at(2026, 4, 3, 23, 59), now), 'Earlier');
  assert.equal(day(at(2026, 3, 1), now), 'Earlier');
});

test('a moment is told as short as its day allows', () => {
  const now = new Date(2026, 4, 10, 9);
  const at = (...parts) => new Date(...parts).toISOString();
  assert.equal(moment(at(2026, 4, 10, 8, 5), now), '08:05');
  assert.equal(moment(at(2026, 4, 8, 12, 30), now), '12:30');
  assert.equal(moment(at(2026, 3, 1, 12), now), '1 Apr');
  assert.equal(moment(at(2025, 11, 31, 12), now), '31 Dec 2025');
});
