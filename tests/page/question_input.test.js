// The question field: history, mentions of files, stored drafts.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseDrafts, putDraft, takeDraft } from '../../static/drafts.js';
import { mentionAt, replaceMention } from '../../static/mention.js';
import { InputHistory, historyEntries } from '../../static/input_history.js';

const turn = (number, question, author) => ({ turn: number, seq: number, question, author, parts: [], end: null });

test('earlier questions are those of the browser and then those of the conversation, each once', () => {
  const turns = [turn(0, null), turn(1, 'one'), turn(2, 'two'), turn(3, 'one')];
  assert.deepEqual(historyEntries(['old', 'two'], turns, null), [
    { text: 'old', turn: null }, { text: 'two', turn: 2 }, { text: 'one', turn: 3 },
  ]);
});

test('where people have names, the questions of others are not recalled', () => {
  const turns = [turn(1, 'mine', 'Ana'), turn(2, 'yours', 'Ben')];
  assert.deepEqual(historyEntries([], turns, 'Ana').map((one) => one.text), ['mine']);
});

test('the arrows lead through earlier questions and back to the draft', () => {
  const history = new InputHistory();
  const all = () => [{ text: 'one', turn: 1 }, { text: 'two', turn: 2 }];
  assert.equal(history.forward(), null);
  assert.equal(history.back('a draft', all), 'two');
  assert.equal(history.current.turn, 2);
  assert.equal(history.draft('two'), 'a draft');
  assert.equal(history.back('two', all), 'one');
  assert.equal(history.back('one', all), null);
  assert.equal(history.forward(), 'two');
  assert.equal(history.forward(), 'a draft');
  assert.ok(!history.isBrowsing);
  assert.equal(history.draft('other words'), 'other words');
});

test('an edit keeps the draft that was there, also when another edit takes its place', () => {
  const history = new InputHistory();
  history.edit('a draft', { text: 'one', turn: 1 });
  history.edit('one, changed', { text: 'two', turn: 2 });
  assert.equal(history.current.text, 'two');
  assert.equal(history.leave(), 'a draft');
  assert.ok(!history.isBrowsing);
});

test('an @ at the beginning of a word begins the name of a file, up to the caret', () => {
  const at = (text) => mentionAt(text, text.length);
  assert.deepEqual(at('see @src/pa'), { start: 4, end: 11, query: 'src/pa' });
  assert.deepEqual(at('@'), { start: 0, end: 1, query: '' });
  assert.deepEqual(at('(@a'), { start: 1, end: 3, query: 'a' });
  assert.equal(at('ana@example.org'), null);
  assert.equal(at('@a b'), null);
  assert.equal(mentionAt('@abc', 0), null);
  assert.equal(at(`${'x'.repeat(500)}@a`), null);
  assert.deepEqual(at(`${'x '.repeat(500)}@a`), { start: 1000, end: 1002, query: 'a' });
  assert.equal(at(`@${'x'.repeat(200)}`), null);
});

test('the path takes the place of what was typed, and the caret stands behind it', () => {
  const put = (text, caret) => {
    const made = replaceMention(text, mentionAt(text, caret), 'src/a.rs');
    return `${made.text.slice(0, made.caret)}|${made.text.slice(made.caret)}`;
  };
  assert.equal(put('see @sr', 7), 'see src/a.rs |');
  assert.equal(put('see @sr there', 7), 'see src/a.rs |there');
  assert.equal(put('(@sr)', 4), '(src/a.rs |)');
});

test('each tab keeps its own text, and a new one takes over what a closed one left', () => {
  const typed = (draft, at) => ({ draft, edit: null, at });
  let drafts = putDraft({}, 'one', typed('first', 1));
  drafts = putDraft(drafts, 'two', typed('second', 2));
  assert.equal(takeDraft(drafts, 'one').typed.draft, 'first');
  const taken = takeDraft(drafts, 'three');
  assert.equal(taken.typed.draft, 'second');
  assert.deepEqual(Object.keys(taken.drafts), ['one', 'three']);
  assert.deepEqual(putDraft(taken.drafts, 'three', null), { one: typed('first', 1) });
  for (let tab = 0; tab < 20; tab += 1) drafts = putDraft(drafts, `tab ${tab}`, typed('x', tab));
  assert.equal(Object.keys(drafts).length, 8);
  assert.equal(takeDraft({}, 'one').typed, null);
});

test('what was stored and cannot be read counts as nothing', () => {
  for (const stored of [null, '', '[1]', 'null', '{oops']) assert.deepEqual(parseDrafts(stored), {});
});
