// What an answer cites, by file.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkoutText, groupSources } from '../../static/reference.js';

const cited = (path, more = {}) => ({ path, found: true, read: false, ...more });

test('the sources of an answer are grouped by file, those that were read first', () => {
  const { files } = groupSources(['b.rs', 'never_cited.rs'], [
    cited('a.rs', { line: 9 }), cited('b.rs', { line: 7, end_line: 8, read: true }), cited('b.rs', { line: 2, read: true }),
    cited('b.rs', { line: 7, end_line: 8, read: true }), cited('b.rs', { read: true }), cited('short.rs', { file: 'a.rs', line: 1 }),
  ]);
  assert.deepEqual(files.map(({ path, isRead, places }) => [path, isRead, places.map((place) => place.line)]), [
    ['b.rs', true, [2, 7]], ['never_cited.rs', true, []], ['a.rs', false, [1, 9]],
  ]);
});

test('what was not found is apart from what was only not checked', () => {
  const all = [
    cited('gone.rs', { found: false, line: 7, why: 'there is no such file' }), cited('gone.rs', { found: false, line: 9 }),
    cited('mod.rs', { found: false, doubt: 'ambiguous' }), cited('name', { found: false, doubt: 'absent' }), cited('c0ffee', { commit: 'c0ffee' }),
  ];
  const { files, commits, unsure, missing } = groupSources([], all);
  assert.deepEqual([files, commits, unsure], [[], [all[4]], [{ path: 'mod.rs', cited: [all[2]] }]]);
  assert.deepEqual(missing, [{ path: 'gone.rs', cited: [all[0], all[1]] }]);
  assert.deepEqual(groupSources([], []), { files: [], commits: [], unsure: [], missing: [] });
});

test('what is checked out is told by branch and commit, and in a group by project', () => {
  const commit = '0123456789abcdef0123456789abcdef01234567';
  assert.equal(checkoutText([{ branch: 'main', commit, is_changed: true }]), 'main at 0123456789, with changes');
  assert.equal(checkoutText([{ member: 'api', branch: 'main', commit }, { member: 'web', commit, is_changed: false }]),
    'api: main at 0123456789 · web: 0123456789');
  assert.equal(checkoutText([]), '');
});
