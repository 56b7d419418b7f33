/** A file that is named with `@` while a question is written. Pure: knows text and where the caret is. */

/** Longest text after the `@` that is still looked for. */
const LONGEST = 80;

/**
 * @typedef {{start: number, end: number, query: string}} Mention where it stands in the text, `@` included
 */

/**
 * The mention that the caret stands in or behind.
 * @param {string} text @param {number} caret
 * @returns {Mention | null}
 */
export function mentionAt(text, caret) {
  // Long text is looked at near the caret alone.
  const from = Math.max(0, caret - LONGEST - 2);
  const found = /(?:^|[\s("'`[])@([^\s@]*)$/.exec(text.slice(from, caret));
  if (!found || found[1].length > LONGEST) return null;
  if (from > 0 && found.index === 0 && found[0].startsWith('@')) return null;
  return { start: caret - found[1].length - 1, end: caret, query: found[1] };
}

/**
 * The text with the path in place of the mention, and the caret behind it.
 * @param {string} text @param {Mention} mention @param {string} path
 */
export function replaceMention(text, mention, path) {
  const after = text.slice(mention.end);
  const gap = /^\s/.test(after) ? '' : ' ';
  const before = `${text.slice(0, mention.start)}${path}${gap}`;
  return { text: before + after, caret: before.length + (gap ? 0 : 1) };
}
