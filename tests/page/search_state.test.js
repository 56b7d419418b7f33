// The search: titles at once, messages later, and late responses never.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CODE_PAUSE, SearchState, PAUSE, matchTitles, markMatches, searchStatus } from '../../static/search_state.js';

const listed = (id, title) => ({
  id, title, project_name: 'demo', created_at: '', updated_at: `2026-01-0${id}T08:00:00.000000Z`, message_count: 2,
});
const LIST = [listed(3, 'Where is the Größe parsed?'), listed(2, 'How do sessions restart?'), listed(1, null)];
const hit = (conversation_id, turn) => ({
  conversation_id, turn, title: 'T', seq: 1, role: 'user', timestamp: '2026-01-01T08:00:00.000000Z', snippet: [{ text: 'a', hit: true }],
});

/** A server whose answers come when the test says so. */
function server() {
  const calls = [];
  const search = (typed, signal) => new Promise((resolve, reject) => {
    calls.push({ typed, signal, resolve, reject });
  });
  return { calls, search };
}

const settle = () => new Promise((resolve) => setImmediate(resolve));

test('a title has all the words, in any order and without their accents', () => {
  const ids = (typed) => matchTitles(LIST, typed).map((option) => option.conversation);
  assert.deepEqual(ids('parsed where'), [3]);
  assert.deepEqual(ids('GRO'), [3]);
  assert.deepEqual(ids('größe'), [3]);
  assert.deepEqual(ids('quokka'), []);
  assert.deepEqual(ids(''), [3, 2, 1], 'nothing typed offers all');
  assert.deepEqual(matchTitles([listed(1, null)], '')[0].title, [{ text: 'No messages yet', hit: false }]);
});

test('marks are pieces of the very text', () => {
  assert.deepEqual(markMatches('Größe groß', ['gro']), [
    { text: 'Grö', hit: true }, { text: 'ße ', hit: false }, { text: 'gro', hit: true }, { text: 'ß', hit: false },
  ]);
  const decomposed = 'e\u0301tude';
  assert.equal(markMatches(decomposed, ['etu']).map((piece) => piece.text).join(''), decomposed);
  assert.deepEqual(markMatches('aaa', ['aa']), [{ text: 'aa', hit: true }, { text: 'a', hit: false }]);
  assert.deepEqual(markMatches('', ['a']), []);
  assert.deepEqual(markMatches('<b>', ['<']), [{ text: '<', hit: true }, { text: 'b>', hit: false }]);
});

test('the server is asked once somebody pauses, for the last that was typed', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { calls, search } = server();
  const state = new SearchState(search, () => {});
  state.begin(LIST);
  state.type('s');
  t.mock.timers.tick(PAUSE - 1);
  state.type('se');
  t.mock.timers.tick(PAUSE - 1);
  assert.equal(calls.length, 0);
  assert.deepEqual(state.found.titles.map((option) => option.conversation), [3, 2], 'titles do not wait');
  t.mock.timers.tick(1);
  assert.deepEqual(calls.map((call) => call.typed), ['se']);
  assert.equal(state.found.phase, 'searching');
  calls[0].resolve({ hits: [hit(7, 3)], more: true });
  await settle();
  assert.equal(state.found.phase, 'done');
  assert.deepEqual([state.found.messages[0].conversation, state.found.messages[0].turn], [7, 3]);
  assert.match(searchStatus(state.found), /older messages/);
});

test('an answer that comes too late changes nothing', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { calls, search } = server();
  const state = new SearchState(search, () => {});
  state.begin(LIST);
  state.type('one');
  t.mock.timers.tick(PAUSE);
  state.type('two');
  assert.ok(calls[0].signal.aborted);
  t.mock.timers.tick(PAUSE);
  calls[1].resolve({ hits: [hit(2, 2)], more: false });
  await settle();
  calls[0].resolve({ hits: [hit(1, 1)], more: false });
  await settle();
  assert.deepEqual(state.found.messages.map((option) => option.conversation), [2]);
  state.type('three');
  t.mock.timers.tick(PAUSE);
  state.end();
  calls[2].reject(new Error('aborted'));
  await settle();
  assert.equal(state.found.phase, 'searching', 'a closed search says nothing');
});

test('what was found stays until something else is', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { calls, search } = server();
  const state = new SearchState(search, () => {});
  state.begin(LIST);
  state.type('one');
  t.mock.timers.tick(PAUSE);
  calls[0].resolve({ hits: [hit(1, 1)], more: false });
  await settle();
  state.type('one t');
  assert.equal(state.found.messages.length, 1);
  assert.equal(searchStatus(state.found), '');
  t.mock.timers.tick(PAUSE);
  calls[1].resolve({ hits: [], more: false });
  await settle();
  assert.match(searchStatus(state.found), /^Nothing matches “one t”/);
  state.type('  ');
  assert.equal(state.found.phase, 'idle');
});

test('a search that fails says why, and the titles stay', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { calls, search } = server();
  const state = new SearchState(search, () => {});
  state.begin(LIST);
  state.type('sessions');
  t.mock.timers.tick(PAUSE);
  assert.equal(searchStatus(state.found), 'Searching messages…');
  calls[0].reject(new Error('The server cannot be reached.'));
  await settle();
  assert.equal(searchStatus(state.found), 'The messages could not be searched: The server cannot be reached.');
  assert.equal(state.found.titles.length, 1);
});

test('files and definitions come beside conversations, or alone and at once', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { calls, search } = server();
  const asked = [];
  const place = { path: 'src/a.rs', name: 'a.rs', kind: '' };
  const state = new SearchState(search, () => {}, async (typed, limit) => {
    asked.push([typed, limit]);
    if (typed === 'broken') throw new Error('The reader stopped.');
    return { files: [place], symbols: [] };
  });
  state.begin(LIST);
  state.type('a');
  t.mock.timers.tick(PAUSE);
  await settle();
  assert.deepEqual([state.found.files, state.found.phase], [[place], 'searching']);
  calls[0].resolve({ hits: [], more: false });
  await settle();
  assert.equal(searchStatus({ ...state.found, titles: [] }), '');

  state.begin(LIST, true);
  t.mock.timers.tick(CODE_PAUSE);
  await settle();
  assert.deepEqual([state.found.titles, state.found.files, state.found.phase], [[], [place], 'done']);
  assert.deepEqual(asked, [['a', 4], ['', 20]]);
  assert.equal(calls.length, 1, 'no message is looked for');
  state.type('broken');
  t.mock.timers.tick(CODE_PAUSE);
  await settle();
  assert.equal(searchStatus(state.found), 'The reader stopped.');
});
