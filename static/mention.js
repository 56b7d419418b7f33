/** Files that are mentioned with `@` in a question. Pure. */

/** Longest text after an `@` that counts as a mention, in characters. */
const MAX_LENGTH = 80;

/**
 * @typedef {{start: number, end: number, query: string}} Mention its position in the text includes the `@`
 */

/**
 * The mention before the caret.
 * @param {string} text @param {number} caret
 * @returns {Mention | null}
 */
export function mentionAt(text, caret) {
  // In long text only the end before the caret matters.
  const from = Math.max(0, caret - MAX_LENGTH - 2);
  const found = /(?:^|[\s("'`[])@([^\s@]*)$/.exec(text.slice(from, caret));
  if (!found || found[1].length > MAX_LENGTH) return null;
  if (from > 0 && found.index === 0 && found[0].startsWith('@')) return null;
  return { start: caret - found[1].length - 1, end: caret, query: found[1] };
}

/**
 * Replaces a mention by a path. The caret moves behind it.
 * @param {string} text @param {Mention} mention @param {string} path
 */
export function replaceMention(text, mention, path) {
  const after = text.slice(mention.end);
  const gap = /^\s/.test(after) ? '' : ' ';
  const before = `${text.slice(0, mention.start)}${path}${gap}`;
  return { text: before + after, caret: before.length + (gap ? 0 : 1) };
}
