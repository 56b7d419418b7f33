// Characters that cannot be seen, and where they do their work.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { visibleText, withNames } from '../../static/invisible.js';

const numbers = (text, kind) => withNames(text, kind).filter((piece) => typeof piece !== 'string').map((piece) => piece.number);

test('what hides or reorders code is named, and what scripts need is not', () => {
  assert.deepEqual(numbers('if (a\u202e // x\u2066)'), ['U+202E', 'U+2066']);
  assert.deepEqual(numbers('user\u200bname\ufeff\u00ad'), ['U+200B', 'U+FEFF', 'U+00AD']);
  assert.deepEqual(numbers('\u001b[31m\u007f'), ['U+001B', 'U+007F']);
  assert.deepEqual(numbers('👩\u200d💻 ❤\ufe0f 1\ufe0f\u20e3 می\u200cخواهم\ttab\n'), []);
  assert.deepEqual(numbers('🏴\u{e0067}\u{e0062}\u{e007f}'), []);
  assert.deepEqual(numbers('שלום\u200f \u202eabc', 'prose'), ['U+202E']);
});

test('the pieces of a text are the text', () => {
  for (const text of ['', 'a', '\u202e', 'a\u202eb\u200b\u200bc', '👩\u200d💻']) {
    assert.equal(withNames(text).map((piece) => (typeof piece === 'string' ? piece : piece.character)).join(''), text);
  }
  assert.equal(visibleText('src/\u202ea.rs'), 'src/[U+202E]a.rs');
});
