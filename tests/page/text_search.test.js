// The search in files: what comes in pieces, a new query ends the one before, and what is said of it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PAUSE, TextSearch, markedRanges, searchText, textAddress, textSummary } from '../../static/text_search.js';

const query = (text, more = {}) => ({ text, isRegex: false, minds: false, paths: '', language: '', ...more });
const file = (path, lines) => ({ type: 'file', path, more: false, hits: lines.map((line) => ({ line, from: 0, pieces: [], cut: false })) });
const TALLY = { searched: 3, binary: 0, too_large: 0, unread: 0, long_lines: 0, cut_files: 0 };
const end = (more = {}) => ({ type: 'end', cut: null, hits: 3, files: 2, milliseconds: 420, tally: TALLY, ...more });
const scope = (more = {}) => ({ type: 'scope', files: 3, truncated: false, languages: [], ...more });
const settle = () => new Promise((resolve) => setImmediate(resolve));

/** A search whose frames come when the test says so, and what was shown of it. */
function made() {
  const calls = [];
  const shown = [];
  const search = new TextSearch((asked, signal, onFrames) => new Promise((resolve, reject) => {
    calls.push({ asked, signal, onFrames, resolve, reject });
  }), (results, added, isFirst) => shown.push([results.phase, added.map(({ path }) => path), isFirst]));
  return { search, calls, shown };
}

test('what comes is added, and only the first of a query replaces what was shown', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { search, calls, shown } = made();
  search.ask(query('a'));
  search.ask(query('ab'));
  t.mock.timers.tick(PAUSE);
  assert.equal(calls.length, 1, 'typing on asks once');
  calls[0].onFrames([scope(), file('a', [1, 2])]);
  calls[0].onFrames([file('b', [1]), { type: 'progress', searched: 2 }]);
  calls[0].onFrames([end()]);
  calls[0].resolve();
  await settle();
  assert.deepEqual(shown, [['searching', ['a'], true], ['searching', ['b'], false], ['done', [], false]]);
  assert.equal(search.results.lines, 3);
});

test('a new query ends the one before, of which nothing more is shown', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { search, calls, shown } = made();
  search.ask(query('a'), 0);
  t.mock.timers.tick(0);
  search.ask(query('b'), 0);
  assert.ok(calls[0].signal.aborted);
  t.mock.timers.tick(0);
  calls[0].onFrames([file('late', [1])]);
  calls[0].reject(new Error('late'));
  await settle();
  assert.deepEqual(shown, []);
  search.ask(query(''));
  assert.deepEqual(shown, [['idle', [], true]]);
});

test('a search that breaks off says so, and one that is refused says why', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { search, calls } = made();
  search.ask(query('a'), 0);
  t.mock.timers.tick(0);
  calls[0].onFrames([file('a', [1])]);
  calls[0].resolve();
  await settle();
  assert.match(textSummary(search.results), /connection was lost before the search ended/);
  search.ask(query('('), 0);
  t.mock.timers.tick(0);
  calls[1].reject(new Error('unclosed group.'));
  await settle();
  assert.equal(textSummary(search.results), 'unclosed group.');
});

test('what is found is said with whether it is all', () => {
  const said = (more) => textSummary({
    query: query('x'), phase: 'done', lines: 3, files: 2, searched: 3, scope: scope(), end: end(), problem: '', ...more,
  });
  assert.equal(said({}), '3 lines in 2 files. Complete: 3 files in 0.4 s.');
  assert.equal(said({ lines: 0, files: 0 }), 'No line contains “x”. Complete: 3 files in 0.4 s.');
  assert.match(said({ lines: 0, scope: scope({ files: 0 }) }), /^No file is on these paths/);
  assert.match(said({ lines: 1000, end: end({ cut: 'hits' }) }), /Cut at 1,000 lines after 0.4 s\. Narrow the search\./);
  assert.match(said({ end: end({ cut: 'time', milliseconds: 20_100 }) }), /Cut after 20 s, with 3 files searched/);
  assert.match(said({ phase: 'searching', end: null }), /^3 lines in 2 files so far\. Searching… 3 files of 3 searched$/);
  const tally = { ...TALLY, too_large: 1, unread: 2, long_lines: 1 };
  assert.match(said({ end: end({ tally }) }), /Left out: 1 file is too large; 2 files may not be read; of 1 line only the beginning/);
});

test('marks are places of the whole line', () => {
  const pieces = [{ text: 'a', hit: false }, { text: 'ü💡', hit: true }, { text: 'b', hit: false }, { text: 'c', hit: true }];
  assert.deepEqual(markedRanges({ line: 1, from: 10, pieces, cut: false }), [[11, 14], [15, 16]]);
});

test('the address says what is not as usual, and lines of JSON are taken however they are cut', async (t) => {
  assert.equal(textAddress('demo', query('a b')), '/api/projects/demo/text?q=a+b');
  assert.equal(textAddress('demo', query('x', { isRegex: true, minds: true, paths: 'src', language: 'rust' })),
    '/api/projects/demo/text?q=x&paths=src&language=rust&regex=true&case=true');
  const bytes = new TextEncoder().encode(`${[scope(), file('ü', [1]), end()].map((frame) => JSON.stringify(frame)).join('\n')}\n`);
  const body = new ReadableStream({
    start(controller) {
      for (let at = 0; at < bytes.length; at += 7) controller.enqueue(bytes.slice(at, at + 7));
      controller.close();
    },
  });
  t.mock.method(globalThis, 'fetch', async () => new Response(body));
  const types = [];
  await searchText('demo', query('x'), new AbortController().signal, (frames) => types.push(...frames.map(({ type, path }) => path ?? type)));
  assert.deepEqual(types, ['scope', 'ü', 'end']);
});
