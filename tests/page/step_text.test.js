// Descriptions of steps and usage.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { conversationUsage, turnUsage } from '../../static/usage.js';
import { inputFields, stepsSummary, inputSummary, toolName, toolOutcome } from '../../static/step_text.js';

test('a tool line tells what matters of the input', () => {
  assert.equal(inputSummary({ file_path: '/home/ana/app/src/a.rs' }, '/home/ana/app'), 'src/a.rs');
  assert.equal(inputSummary({ path: '/home/ana/app', pattern: 'quokka' }, '/home/ana/app'), '"quokka"');
  assert.equal(inputSummary({ file_path: '/home/ana/application/a.rs' }, '/home/ana/app'), '/home/ana/application/a.rs');
  assert.equal(inputSummary({ limit: 3 }, ''), '3');
  assert.equal(inputSummary({}, ''), '');
  assert.equal(toolName('mcp__features__feature_get_stats'), 'feature_get_stats');
});

test('a tool line tells how it came out', () => {
  const part = (result) => ({ kind: 'tool', key: '', callId: '', tool: 'Read', input: {}, result });
  assert.equal(toolOutcome(part(null)), '');
  assert.equal(toolOutcome(part({ ok: false, content: 'no', truncated: false })), 'failed');
  assert.equal(toolOutcome(part({ ok: true, content: 'a\nb\n', truncated: false })), '2 lines');
  assert.equal(toolOutcome(part({ ok: true, content: 'a', truncated: true })), '1+ lines');
});

test('a run of steps is one line with counts, the most first', () => {
  const step = (tool, ok = true) => ({ kind: 'tool', tool, input: {}, result: { ok, content: '', truncated: false } });
  const reads = Array.from({ length: 7 }, () => step('Read'));
  const searches = Array.from({ length: 5 }, () => step('Grep'));
  assert.equal(stepsSummary([...searches, ...reads]), '12 steps: 7 reads, 5 searches');
  assert.equal(stepsSummary([step('Read', false), step('mcp__features__feature_get_stats')]), '2 steps: 1 read, feature_get_stats, 1 failed');
});

test('an input is read as names and values, without the way to the project', () => {
  assert.deepEqual(inputFields({ file_path: '/app/a.rs', offset: 10, old: 'a\nb' }, '/app'), [
    ['file_path', 'a.rs'], ['offset', '10'], ['old', 'a\nb'],
  ]);
});

test('costs are told as far as they are known', () => {
  assert.equal(turnUsage({ kind: 'done', outcome: 'completed' }), '');
  assert.equal(turnUsage({
    kind: 'done', outcome: 'completed', durationMs: 61_000, costUsd: 0.02,
    usage: { input_tokens: 1000, output_tokens: 5, cache_read_tokens: 500 },
  }), '1 min 1 s · 1,500 tokens read, 5 written · $0.0200');
});

test('a conversation tells what all its answers took', () => {
  const turn = (number, end) => ({ turn: number, seq: number, question: 'a', parts: [], end });
  const done = (costUsd, durationMs) => ({
    kind: 'done', seq: 1, outcome: 'completed', durationMs, costUsd, usage: { input_tokens: 1000, output_tokens: 10 },
  });
  assert.equal(conversationUsage([turn(0, done(9, 9)), turn(1, null)]), null);
  assert.equal(conversationUsage([turn(1, { kind: 'done', seq: 1, outcome: 'completed' })]), null);
  assert.deepEqual(conversationUsage([turn(1, done(0.25, 1000)), turn(2, done(0.5, 61_000)), turn(3, { kind: 'error', content: 'no' })]), {
    text: '$0.75', details: '2 answers: 1 min 2 s · 2,000 tokens read, 20 written · $0.75',
  });
  assert.equal(conversationUsage([turn(1, done(undefined, 5))]).text, '1K tokens');
});
