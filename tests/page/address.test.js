// Addresses: parsing is the inverse of formatting.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatAddress, parseAddress } from '../../static/address.js';

test('a project, a conversation and a turn have an address', () => {
  for (const [project, conversation, turn, address] of [
    ['demo', null, null, '/p/demo'],
    ['demo', 12, null, '/p/demo/12'],
    ['demo', 12, 3, '/p/demo/12#turn-3'],
  ]) {
    assert.equal(formatAddress(project, conversation, turn), address);
    const { pathname, hash } = new URL(address, 'http://localhost');
    assert.deepEqual(parseAddress(pathname, hash), { project, conversation, turn });
  }
  assert.equal(formatAddress(null, null), '/');
});

test('what is no address names nothing', () => {
  const nothing = { project: null, conversation: null, turn: null };
  for (const path of ['/', '/p/', '/p/a b', '/p/demo/x', '/q/demo', `/p/${'a'.repeat(51)}`]) {
    assert.deepEqual(parseAddress(path), nothing, path);
  }
  for (const hash of ['', '#', '#turn-', '#turn-x', '#turn-3x', '#3', '#turn-1234567890']) {
    assert.equal(parseAddress('/p/demo/12', hash).turn, null, hash);
  }
  assert.equal(parseAddress('/p/demo', '#turn-3').turn, null, 'a new conversation has no turns');
});
