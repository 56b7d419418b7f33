// The files of a question: what may be added, what is said of them, and where they go.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { blockText, lengthText, notTakenText, refusal, spokenFile } from '../../static/attachments.js';
import { message } from '../../static/protocol.js';
import { initialConversation, reduce } from '../../static/store.js';

const LIMITS = { count: 2, file_bytes: 2000, question_bytes: 3000 };
const IMAGE = { id: 'a', name: 'a.png', type: 'image/png', bytes: 2100, width: 640, height: 480 };
const chosen = (more = {}) => ({ key: 1, name: 'a.png', bytes: 1500, progress: 1, attached: IMAGE, problem: '', ...more });

test('a file is refused in words that name it and the limit', () => {
  assert.equal(refusal({ name: 'b', size: 10 }, [], LIMITS), '');
  assert.match(refusal({ name: 'b', size: 0 }, [], LIMITS), /b is empty/);
  assert.match(refusal({ name: 'b', size: 2001 }, [], LIMITS), /b has 3 kB; the limit is 2 kB/);
  assert.match(refusal({ name: 'b', size: 1600 }, [chosen()], LIMITS), /3 kB together\. b was not added/);
  assert.match(refusal({ name: 'b', size: 1 }, [chosen(), chosen()], LIMITS), /may have 2 files/);
  assert.match(refusal({ name: 'b', size: 1 }, [], { ...LIMITS, count: 0 }), /takes no files/);
  assert.match(refusal({ name: 'b', size: 1 }, [], null), /takes no files/);
});

test('a question waits for its files', () => {
  assert.equal(blockText([]), '');
  assert.equal(blockText([chosen()]), '');
  assert.equal(blockText([chosen(), chosen({ attached: null, name: 'b' })]), 'Sending b…');
  assert.match(blockText([chosen({ attached: null, problem: 'No.', name: 'b' })]), /b was not sent/);
});

test('what an agent does not take is said before the question is asked', () => {
  const of = (agent) => notTakenText([chosen()], agent);
  assert.match(of({ kind: 'guide', attachments: 'none' }), /guide does not read files/);
  assert.match(of({ kind: 'model', attachments: 'text' }), /takes no images/);
  for (const agent of [{ kind: 'claude', attachments: 'all' }, { kind: 'acp' }, null]) assert.equal(of(agent), '');
  assert.equal(notTakenText([], { kind: 'guide', attachments: 'none' }), '');
  const log = chosen({ attached: { ...IMAGE, type: 'text/plain' } });
  assert.equal(notTakenText([log], { kind: 'model', attachments: 'text' }), '');
});

test('lengths and files are told in words', () => {
  assert.deepEqual([999, 1001, 2_345_678].map(lengthText), ['999 bytes', '2 kB', '2.3 MB']);
  assert.equal(spokenFile(IMAGE), 'Image a.png, 640 by 480 pixels');
  assert.equal(spokenFile({ id: 'b', name: 'b.log', type: 'text/plain', bytes: 5 }), 'File b.log, 5 bytes');
});

test('files stay with their question from the composer to the history', () => {
  assert.deepEqual(message('m', 'x', { attachments: ['a'] }), { type: 'message', message_id: 'm', content: 'x', attachments: ['a'] });
  assert.deepEqual(message('m', 'x'), { type: 'message', message_id: 'm', content: 'x' });
  let state = reduce(initialConversation(1), { type: 'submitted', message_id: 'm', content: 'x', attachments: [IMAGE] });
  assert.deepEqual(state.pending[0].attachments, [IMAGE]);
  state = reduce(state, { type: 'accepted', message_id: 'm', seq: 5, turn: 1, position: 0 });
  assert.deepEqual(state.turns[0].attachments, [IMAGE]);
  state = reduce(state, { type: 'user_message', message_id: 'm', seq: 5, turn: 1, content: 'x', attachments: [IMAGE] });
  assert.deepEqual([state.turns[0].attachments, state.pending], [[IMAGE], []]);
  const limits = { count: 1, file_bytes: 2, question_bytes: 3 };
  assert.equal(initialConversation(1).attachmentLimits, null);
  const attached = { type: 'attached', conversation_id: 1, seq: 0, after: 0, attachments: limits };
  assert.deepEqual(reduce(state, attached).attachmentLimits, limits);
});

test('a question that comes again changes nothing', () => {
  const frame = () => ({ type: 'user_message', seq: 5, turn: 1, content: 'x', attachments: [{ ...IMAGE }] });
  const state = reduce(initialConversation(1), frame());
  assert.equal(reduce(state, frame()).turns[0], state.turns[0]);
});
