// What has changed between lines, near those that were cited.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { asName, aboutText, linesText, namesIn, placeText, quotedLines, usesOf, usesText } from '../../static/code_names.js';
import { diffLines, diffNear } from '../../static/line_diff.js';

const SIGNS = { same: ' ', removed: '-', added: '+' };
const shown = (lines) => lines.map(({ kind, text }) => SIGNS[kind] + text);
const diff = (before, after) => shown(diffLines([...before], [...after]));

test('lines are the same, removed or added', () => {
  assert.deepEqual(diff('abc', 'abc'), [' a', ' b', ' c']);
  assert.deepEqual(diff('abc', 'axc'), [' a', '-b', '+x', ' c']);
  assert.deepEqual(diff('abc', 'xabcy'), ['+x', ' a', ' b', ' c', '+y']);
  assert.deepEqual(diff('abcd', 'bd'), ['-a', ' b', '-c', ' d']);
  assert.deepEqual(diff('', 'a'), ['+a']);
  assert.deepEqual(diff('a', ''), ['-a']);
});

test('both texts can be read from a difference, with their numbers', () => {
  const random = (() => {
    let seed = 7;
    return () => (seed = (seed * 1103515245 + 12345) % 2147483648) / 2147483648;
  })();
  for (let round = 0; round < 200; round += 1) {
    const text = () => Array.from({ length: Math.floor(random() * 12) }, () => 'abc'[Math.floor(random() * 3)]);
    const [before, after] = [text(), text()];
    const lines = diffLines(before, after);
    assert.deepEqual(lines.filter(({ kind }) => kind !== 'added').map(({ text: line }) => line), before);
    assert.deepEqual(lines.filter(({ kind }) => kind !== 'removed').map(({ text: line }) => line), after);
    for (const line of lines) {
      if (line.before) assert.equal(before[line.before - 1], line.text);
      if (line.after) assert.equal(after[line.after - 1], line.text);
    }
  }
});

test('only what is near the cited lines is shown, and texts too large are told as a whole', () => {
  const before = Array.from({ length: 30 }, (_, at) => `line ${at + 1}`);
  const after = before.map((line, at) => (at === 14 ? 'new' : line));
  after[0] = 'far';
  assert.deepEqual(shown(diffNear(diffLines(before, after), 15, 15, 1)), [' line 14', '-line 15', '+new', ' line 16']);
  assert.deepEqual(shown(diffNear(diffLines(['a'], ['b', 'c']), 1, 1)), ['-a', '+b', '+c']);
  const large = diffLines(Array.from({ length: 3000 }, (_, at) => `a${at}`), Array.from({ length: 3000 }, (_, at) => `b${at}`));
  assert.equal(large.length, 6000);
});

test('names are told from other text', () => {
  assert.equal(asName(' parse_quokka '), 'parse_quokka');
  assert.equal(asName('größe2'), 'größe2');
  assert.equal(asName('a b'), '');
  assert.equal(asName('2a'), '');
  assert.deepEqual(namesIn(['parse_quokka(input: &str)', 'input $el x']), ['parse_quokka', 'input', 'str', '$el']);
  assert.equal(usesOf('$el').text, '\\$el\\b');
  assert.equal(usesOf('hop').text, '\\bhop\\b');
  assert.equal(linesText(3, 3), 'Line 3');
  const uses = (total, groups, more = false) => usesText('hop', { definitions: { symbols: [], total }, groups, more }).join(' ');
  assert.equal(uses(1, []), 'No use of hop was found');
  assert.equal(uses(1, [{ path: 'a', uses: [1] }]), 'hop is used in 1 line of 1 file');
  assert.equal(uses(2, [{ path: 'a', uses: [1, 2] }, { path: 'b', uses: [3] }], true), 'hop is used in 3 lines of 2 files '
    + '2 definitions have this name: a use may be of any of them. Not all files were searched: there may be more.');
  assert.equal(uses(0, []), 'No use of hop was found No definition of it is known.');
  assert.equal(placeText(3, 41, false), '3 of 41');
  assert.equal(placeText(1, 2000, true), '1 of the first 2,000');
  assert.equal(linesText(3, 5), 'Lines 3–5');
  assert.equal(aboutText({ path: 'src/a.rs', line: 3, end_line: 5 }), 'About `src/a.rs:3-5`: ');
  assert.equal(quotedLines(['a', '', 'b']), '\n\n```\na\n\nb\n```');
  assert.equal(quotedLines(['```', 'a', '````']), '\n\n`````\n```\na\n````\n`````');
  for (const lines of [[], ['', ' '], Array(21).fill('a'), ['a'.repeat(2001)]]) assert.equal(quotedLines(lines), '');
});
