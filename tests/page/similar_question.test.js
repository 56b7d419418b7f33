// The hint about a similar question.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SimilarQuestionLookup, PAUSE, pickSimilar } from '../../static/similar_question.js';

const asked = (conversation_id, turn, question = 'Where are sockets closed?') => ({
  conversation_id, turn, question, asked_at: '2026-01-01T08:00:00.000000Z',
});
const PLACE = { project: 'demo', conversation: 7, last: 3 };
const settle = () => new Promise((resolve) => setImmediate(resolve));

test('nobody is pointed to the question that they write anew', () => {
  const text = 'Where are sockets closed';
  assert.deepEqual(pickSimilar([asked(2, 3)], text, PLACE), asked(2, 3), 'the same turn of another conversation');
  assert.equal(pickSimilar([asked(7, 3)], text, PLACE), null, 'the last question here');
  assert.deepEqual(pickSimilar([asked(7, 1)], text, PLACE), asked(7, 1), 'an earlier one here');
  assert.equal(pickSimilar([asked(7, 1)], 'Where are sockets closed?', PLACE), null, 'taken up again');
  assert.deepEqual(pickSimilar([asked(7, 3), asked(2, 1)], text, PLACE), asked(2, 1));
  assert.equal(pickSimilar([], text, PLACE), null);
});

test('the server is asked after a pause, with enough to go by, and the last answer counts', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const calls = [];
  const shown = [];
  const lookup = new SimilarQuestionLookup((project, text, signal) => new Promise((resolve, reject) => {
    calls.push({ project, text, signal, resolve, reject });
  }), (found) => shown.push(found));
  lookup.draftChanged('Where are s', PLACE);
  t.mock.timers.tick(PAUSE);
  assert.equal(calls.length, 0, 'too short');
  lookup.draftChanged('Where are sockets', PLACE);
  t.mock.timers.tick(PAUSE - 1);
  lookup.draftChanged('Where are sockets cl', PLACE);
  t.mock.timers.tick(PAUSE);
  assert.deepEqual(calls.map((call) => [call.project, call.text]), [['demo', 'Where are sockets cl']]);
  lookup.draftChanged('Where are sockets closed', PLACE);
  assert.ok(calls[0].signal.aborted);
  t.mock.timers.tick(PAUSE);
  calls[1].resolve([asked(2, 1)]);
  await settle();
  calls[0].resolve([asked(9, 9)]);
  await settle();
  assert.deepEqual(shown.at(-1), asked(2, 1));
  lookup.draftChanged('Where are sockets closed ', PLACE);
  t.mock.timers.tick(PAUSE);
  assert.equal(calls.length, 2, 'a space asks nothing new');
  lookup.draftChanged('', PLACE);
  assert.equal(shown.at(-1), null);
});

test('a server that does not answer is not missed', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const shown = [];
  const lookup = new SimilarQuestionLookup(async () => { throw new Error('no'); }, (found) => shown.push(found));
  lookup.draftChanged('Where are sockets closed', PLACE);
  t.mock.timers.tick(PAUSE);
  await settle();
  assert.deepEqual(shown, [null]);
});
