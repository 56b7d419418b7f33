// What a drawing's source is, and which sources are asked for together.
import assert from 'node:assert/strict';
import test from 'node:test';

globalThis.matchMedia = () => ({ matches: false, addEventListener: () => null });
globalThis.document = { addEventListener: () => null, documentElement: {} };
globalThis.MutationObserver = class { observe() {} };
const { batches, sourceOf } = await import('../../static/drawings.js');

const code = (textContent, { isMath = true, childElementCount = 0 } = {}) => (
  { textContent, childElementCount, classList: { contains: (name) => isMath && name === 'math' } });

test('a formula loses its marks and keeps how it stands', () => {
  for (const [text, source, display] of [
    ['$a_1$', 'a_1', false],
    ['$$\na\n$$', 'a', true],
    ['\\(a\\)', 'a', false],
    ['\\[ a \\]', 'a', true],
    ['$$', null, null],
  ]) {
    const expected = source === null ? null : { kind: 'formula', source, display };
    assert.deepEqual(sourceOf(code(text)), expected, text);
  }
});

test('a formula with characters that are shown as marks stays as it is', () => {
  assert.equal(sourceOf(code('$a$', { childElementCount: 1 })), null);
});

test('code is the source of a diagram', () => {
  assert.deepEqual(sourceOf(code('graph TD', { isMath: false })), { kind: 'diagram', source: 'graph TD' });
});

test('formulas of a project go together, and each diagram by itself', () => {
  const one = (kind, project = 'shop', source = 'x') => ({ project, source: { kind, source } });
  const lengths = (waiting) => batches(waiting).map((batch) => batch.length);
  assert.deepEqual(lengths([]), []);
  assert.deepEqual(lengths([one('formula'), one('formula'), one('diagram'), one('diagram'), one('formula')]), [2, 1, 1, 1]);
  assert.deepEqual(lengths([one('formula'), one('formula', 'other')]), [1, 1]);
  assert.deepEqual(lengths(Array.from({ length: 130 }, () => one('formula'))), [64, 64, 2]);
  assert.deepEqual(lengths(Array.from({ length: 4 }, () => one('formula', 'shop', 'x'.repeat(5000)))), [2, 2]);
});
