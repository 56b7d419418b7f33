// Deletion that can be undone.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DelayedDeletion, UNDO_TIME } from '../../static/delayed_deletion.js';

const conversation = (id) => ({ project: 'demo', id, title: `T${id}`, wasOpen: false });

/** A deletion whose effects are noted. */
function begin(t, send = async () => null) {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const log = [];
  const deletion = new DelayedDeletion({
    send: (removed, leaving) => { log.push(`send ${removed.id}${leaving ? ' leaving' : ''}`); return send(); },
    committed: (removed) => log.push(`committed ${removed.id}`),
    failed: (removed, error) => log.push(`failed ${removed.id}: ${error.message}`),
  });
  return { deletion, log, tick: (ms) => t.mock.timers.tick(ms) };
}

test('the server is told when the time is over, and not before', (t) => {
  const { deletion, log, tick } = begin(t);
  deletion.begin(conversation(1));
  assert.ok(deletion.has('demo', 1) && !deletion.has('demo', 2) && !deletion.has('other', 1));
  tick(UNDO_TIME - 1);
  assert.deepEqual(log, []);
  tick(1);
  assert.deepEqual(log, ['committed 1', 'send 1']);
  assert.ok(deletion.has('demo', 1), 'it does not come back with a list that is on its way');
  assert.equal(deletion.undo(), null);
});

test('what is undone is never sent', (t) => {
  const { deletion, log, tick } = begin(t);
  deletion.begin(conversation(1));
  assert.equal(deletion.undo().id, 1);
  tick(UNDO_TIME * 2);
  deletion.commit(true);
  assert.deepEqual(log, []);
  assert.ok(!deletion.has('demo', 1));
});

test('another deletion, and a page that goes, do not wait', (t) => {
  const { deletion, log } = begin(t);
  deletion.begin(conversation(1));
  deletion.begin(conversation(2));
  assert.deepEqual(log, ['committed 1', 'send 1']);
  assert.ok(deletion.isWaiting('demo', 2) && !deletion.isWaiting('demo', 1));
  deletion.commit(true);
  assert.deepEqual(log.slice(2), ['committed 2', 'send 2 leaving']);
});

test('the time does not run while somebody is about to undo', (t) => {
  const { deletion, log, tick } = begin(t);
  deletion.begin(conversation(1));
  tick(UNDO_TIME - 1);
  deletion.pause();
  tick(UNDO_TIME);
  assert.deepEqual(log, []);
  deletion.resume();
  tick(UNDO_TIME);
  assert.deepEqual(log, ['committed 1', 'send 1']);
});

test('what the server did not delete is back', async (t) => {
  const { deletion, log } = begin(t, async () => { throw new Error('no'); });
  deletion.begin(conversation(1));
  await deletion.commit();
  assert.deepEqual(log, ['committed 1', 'send 1', 'failed 1: no']);
  assert.ok(!deletion.has('demo', 1));
});
