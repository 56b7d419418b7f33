import assert from 'node:assert/strict';
import { test } from 'node:test';
import { answered, applyChanges, markAsked, markShown, parseSeen, titleWithCount, withUnread } from '../../static/live_list.js';

const row = (id, count, more = {}) => ({
  id, project_name: 'demo', title: `title ${id}`, created_at: '2026-01-01T00:00:00Z', updated_at: `2026-01-0${id}T00:00:00Z`, message_count: count, ...more,
});
const unread = (rows, seen) => withUnread(rows, seen).filter((one) => one.unread).map(({ id }) => id);

test('an answer is unread that came since the conversation was shown', () => {
  const seen = markShown([], row(1, 2));
  assert.deepEqual(unread([row(1, 2)], seen), []);
  assert.deepEqual(unread([row(1, 3, { answering: true })], seen), [], 'a question alone is no answer');
  assert.deepEqual(unread([row(1, 4)], seen), [1]);
  assert.deepEqual(unread([row(2, 9)], seen), [], 'what was never shown is not marked');
  assert.deepEqual(unread([row(1, 4)], markShown(seen, row(1, 4))), []);
});

test('an answer that was left half written is unread once it has ended', () => {
  const seen = markShown([], row(1, 1, { answering: true }));
  assert.deepEqual(unread([row(1, 1, { answering: true })], seen), []);
  assert.deepEqual(unread([row(1, 1)], seen), [1], 'also where it has no text');
});

test('the title counts answers to questions of this browser alone', () => {
  const seen = markAsked(markShown(markShown([], row(1, 2)), row(2, 2)), 1);
  const rows = withUnread([row(1, 4), row(2, 4), row(3, 4)], seen);
  assert.deepEqual(answered(rows, seen).map(({ id }) => id), [1]);
  assert.equal(titleWithCount('Cicerone', 2), '(2) Cicerone');
  assert.equal(titleWithCount('(1) of many', 0), '(1) of many');
});

test('what is remembered is bounded, and the oldest is forgotten first', () => {
  let seen = [];
  for (let id = 1; id <= 1000; id += 1) seen = markShown(seen, row(id, 1));
  assert.equal(seen.length, 300);
  assert.deepEqual([seen[0].id, seen.at(-1).id], [701, 1000]);
  assert.equal(markShown(seen, row(1000, 1)), seen, 'nothing new is not stored');
  assert.equal(markAsked(markAsked(seen, 5), 5).at(-1).asked, true);
});

test('odd values in the storage cost themselves alone', () => {
  const good = { id: 1, count: 2, busy: false, asked: true };
  assert.deepEqual(parseSeen([null, 3, 'x', { id: 'a', count: 1 }, { id: 2 }, good]), [good]);
});

test('rows come, change and go, the latest first, and others stay the same objects', () => {
  const list = [row(3, 1), row(2, 1), row(1, 1)];
  const { project_name: _, ...changed } = row(1, 3, { updated_at: '2026-01-09T00:00:00Z' });
  const { project_name: __, ...added } = row(4, 1);
  const after = applyChanges(list, 'demo', [
    { id: 2, conversation: null, answering: false },
    { id: 4, conversation: added, answering: true },
    { id: 1, conversation: changed, answering: false },
    { id: 7, conversation: null, answering: false },
  ]);
  assert.deepEqual(after.map(({ id }) => id), [1, 4, 3]);
  assert.equal(after[2], list[0]);
  assert.deepEqual([after[0].message_count, after[1].answering, after[1].project_name], [3, true, 'demo']);
});
