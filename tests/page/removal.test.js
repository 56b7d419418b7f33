// Deleting with time to think again.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Removal, UNDO_TIME } from '../../static/removal.js';

const conversation = (id) => ({ project: 'demo', id, title: `T${id}`, wasOpen: false });

/** A removal whose effects are noted. */
function begin(t, send = async () => null) {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const told = [];
  const removal = new Removal({
    send: (removed, leaving) => { told.push(`send ${removed.id}${leaving ? ' leaving' : ''}`); return send(); },
    settled: (removed) => told.push(`settled ${removed.id}`),
    failed: (removed, error) => told.push(`failed ${removed.id}: ${error.message}`),
  });
  return { removal, told, tick: (ms) => t.mock.timers.tick(ms) };
}

test('the server is told when the time is over, and not before', (t) => {
  const { removal, told, tick } = begin(t);
  removal.remove(conversation(1));
  assert.ok(removal.has('demo', 1) && !removal.has('demo', 2) && !removal.has('other', 1));
  tick(UNDO_TIME - 1);
  assert.deepEqual(told, []);
  tick(1);
  assert.deepEqual(told, ['settled 1', 'send 1']);
  assert.ok(removal.has('demo', 1), 'it does not come back with a list that is on its way');
  assert.equal(removal.undo(), null);
});

test('what is undone is never sent', (t) => {
  const { removal, told, tick } = begin(t);
  removal.remove(conversation(1));
  assert.equal(removal.undo().id, 1);
  tick(UNDO_TIME * 2);
  removal.settle(true);
  assert.deepEqual(told, []);
  assert.ok(!removal.has('demo', 1));
});

test('another deletion, and a page that goes, do not wait', (t) => {
  const { removal, told } = begin(t);
  removal.remove(conversation(1));
  removal.remove(conversation(2));
  assert.deepEqual(told, ['settled 1', 'send 1']);
  assert.ok(removal.isWaiting('demo', 2) && !removal.isWaiting('demo', 1));
  removal.settle(true);
  assert.deepEqual(told.slice(2), ['settled 2', 'send 2 leaving']);
});

test('the time does not run while somebody is about to undo', (t) => {
  const { removal, told, tick } = begin(t);
  removal.remove(conversation(1));
  tick(UNDO_TIME - 1);
  removal.hold();
  tick(UNDO_TIME);
  assert.deepEqual(told, []);
  removal.release();
  tick(UNDO_TIME);
  assert.deepEqual(told, ['settled 1', 'send 1']);
});

test('what the server did not delete is back', async (t) => {
  const { removal, told } = begin(t, async () => { throw new Error('no'); });
  removal.remove(conversation(1));
  await removal.settle();
  assert.deepEqual(told, ['settled 1', 'send 1', 'failed 1: no']);
  assert.ok(!removal.has('demo', 1));
});
