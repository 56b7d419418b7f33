// Notes as the page tells of them.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { excerptOf, notesStatus, standingOf } from '../../static/notes.js';

test('a note tells whether what it cites is as it was', () => {
  for (const [cited, changed, text, isStale] of [
    [0, 0, 'cites no file', false],
    [3, 0, 'what it cites is unchanged', false],
    [3, 1, '1 of 3 cited places changed since', true],
    [3, 3, 'all that it cites has changed since', true],
  ]) {
    assert.deepEqual(standingOf({ cited, changed }), { text, isStale });
  }
});

test('an answer is shown as a short line without marks', () => {
  assert.equal(excerptOf('## In `a.rs`\n\n```rust\nfn main() {}\n```\n\n> **quoted**'), 'In a.rs fn main() {} quoted');
  assert.equal([...excerptOf('ä'.repeat(999))].length, 281);
});

test('an empty list teaches how a note is made', () => {
  assert.match(notesStatus({ typed: ' ', count: 0, more: false }), /Keep as note/);
  assert.equal(notesStatus({ typed: 'x', count: 0, more: false }), 'No note matches “x”.');
  assert.equal(notesStatus({ typed: '', count: 3, more: false }), '');
});
