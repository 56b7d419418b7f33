// Announcements for screen readers, and the throttle of the status line.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Announcer } from '../../static/announcer.js';
import { ThrottledValue } from '../../static/throttle.js';
import { initialConversation, reduce } from '../../static/store.js';

const html = (seq, part, parts, text) => ({ type: 'html', seq, turn: 1, block: 0, part, parts, html: text });
const ATTACHED = { type: 'attached', conversation_id: 1, seq: 0, after: 0, state: 'idle', agent: { kind: 'guide' }, viewers: 1 };
const CAUGHT_UP = { type: 'caught_up', seq: 0 };
const DONE = { type: 'response_done', seq: 90, turn: 1, outcome: 'completed' };

function hear(frames) {
  const announcer = new Announcer((text) => text.replace(/<[^>]*>/g, ''));
  let state = initialConversation(1);
  const heard = [];
  for (const frame of frames) {
    const before = state;
    state = reduce(before, frame);
    if (state !== before) heard.push(...announcer.next(before, state));
  }
  return heard;
}

test('each finished part of an answer is said once, and none while it grows', () => {
  assert.deepEqual(hear([
    ATTACHED, CAUGHT_UP,
    html(1, 0, 1, '<p>One'), html(2, 0, 1, '<p>One.</p>'), html(3, 1, 2, '<p>Two'),
    html(4, 1, 2, '<p>Two.</p>'), DONE, DONE,
  ]), ['One.', 'Two.', 'End of the answer.']);
});

test('a tool call finishes what was said before it', () => {
  const call = { type: 'tool_call', seq: 5, turn: 1, call_id: 'c', tool: 'Read', input: {} };
  assert.deepEqual(hear([ATTACHED, CAUGHT_UP, html(1, 0, 1, '<p>I look.</p>'), call]), ['I look.']);
});

test('what is replayed is not said, and what comes after it is', () => {
  const again = [ATTACHED, html(1, 0, 1, '<p>One.</p>'), html(2, 1, 2, '<p>Tw'), CAUGHT_UP];
  assert.deepEqual(hear([...again, html(3, 1, 2, '<p>Two.</p>'), DONE]), ['Two.', 'End of the answer.']);
  assert.deepEqual(hear([ATTACHED, html(1, 0, 1, '<p>One.</p>'), DONE, CAUGHT_UP]), []);
});

test('a failure and a question of the agent are said in their own words', () => {
  const failed = { type: 'error', seq: 7, turn: 1, content: 'It broke.' };
  const asked = { type: 'question', seq: 6, turn: 1, call_id: 'q', questions: [{ question: 'Which?', options: [] }] };
  assert.deepEqual(hear([ATTACHED, CAUGHT_UP, asked, failed]), ['The agent asks: Which?', 'It broke.']);
});

/** A clock that a test moves by hand. */
function clock() {
  const due = [];
  return {
    wait: (then) => due.push(then),
    /** The time of one wait passes. */
    pass: () => due.splice(0).forEach((then) => then()),
  };
}

test('a state that is over before it can be read is not shown, and a change waits for its time', () => {
  const time = clock();
  const shown = [];
  const steady = new ThrottledValue((value) => shown.push(value), (one, other) => one === other, time.wait);
  steady.set('');
  time.pass();
  steady.set('short');
  steady.set('');
  time.pass();
  assert.deepEqual(shown, ['']);
  steady.set('one');
  steady.set('two');
  time.pass();
  steady.set('two');
  time.pass();
  assert.deepEqual(shown, ['', 'two']);
});
