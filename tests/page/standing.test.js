// What has become of cited places.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { movedTo, standingSentence, standingText, standingsSummary } from '../../static/standing.js';

const cited = (standing, more = {}) => ({ path: 'src/a.rs', line: 3, end_line: 5, found: true, read: true, standing, ...more });

test('a place that moved keeps its length, and may be in another file', () => {
  assert.deepEqual(movedTo(cited({ state: 'moved', line: 7 })), { path: 'src/a.rs', line: 7, end_line: 9 });
  assert.deepEqual(movedTo(cited({ state: 'moved', file: 'b.rs', line: 1 })), { path: 'b.rs', line: 1, end_line: 3 });
  assert.deepEqual(movedTo(cited({ state: 'moved', file: 'b.rs' }, { line: undefined, end_line: undefined })), { path: 'b.rs', line: undefined });
  assert.equal(movedTo(cited({ state: 'changed' })), null);
});

test('what has become of a place is told in words, and nothing of what is as it was', () => {
  assert.equal(standingText(cited({ state: 'moved', line: 7 })), 'moved to src/a.rs:7-9');
  assert.equal(standingSentence(cited({ state: 'moved', line: 7 })), 'What the answer cites here has moved to src/a.rs:7-9.');
  assert.equal(standingSentence(cited({ state: 'gone' })), 'This file is gone since the answer was given.');
  for (const state of ['fresh', 'unknown', 'of a later version']) assert.equal(standingSentence(cited({ state })), '');
});

test('an answer is summed up', () => {
  const [fresh, gone, unknown] = ['fresh', 'gone', 'unknown'].map((state) => cited({ state }));
  assert.equal(standingsSummary([fresh, unknown]), 'What was cited is as it was.');
  assert.equal(standingsSummary([fresh, gone]), 'Since this answer:');
  assert.equal(standingsSummary([unknown]), 'What was cited cannot be compared with the project as it is now.');
  assert.equal(standingsSummary([cited({ state: 'unknown' }, { found: false })]), '');
});
