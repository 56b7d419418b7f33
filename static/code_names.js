/** Names in code, and who wrote lines, in words. Pure. */
import { formatReference } from './reference.js';

/** The name that a text is, if it is one. @param {string} text */
export const asName = (text) => (/^[\p{L}_$][\p{L}\p{N}_$]*$/u.test(text.trim()) ? text.trim() : '');

/** The names in pieces of code, each once, in order. @param {string[]} texts */
export const namesIn = (texts) => [...new Set(texts.flatMap((text) => text.match(/[\p{L}_$][\p{L}\p{N}_$]{2,}/gu) ?? []))];

/** @param {number} first @param {number} last */
export const linesText = (first, last) => (first === last ? `Line ${first}` : `Lines ${first}–${last}`);

/** What a word's edge looks like in an expression. @param {string | undefined} letter */
const edge = (letter) => (letter === '$' ? '' : '\\b');

/** How often a name is used, and what is not known of it. @param {string} name @param {import('./code_api.js').Uses} uses @returns {string[]} a title, and sentences */
export function usesText(name, { definitions: { total }, groups, more }) {
  const lines = groups.reduce((sum, { uses }) => sum + uses.length, 0);
  const files = new Set(groups.map(({ path }) => path)).size;
  const count = (/** @type {number} */ number, /** @type {string} */ one) => `${number.toLocaleString('en')} ${one}${number === 1 ? '' : 's'}`;
  return [
    lines ? `${name} is used in ${count(lines, 'line')} of ${count(files, 'file')}` : `No use of ${name} was found`,
    ...(total > 1 ? [`${count(total, 'definition')} have this name: a use may be of any of them.`] : []),
    ...(total === 0 ? ['No definition of it is known.'] : []),
    ...(more ? ['Not all files were searched: there may be more.'] : []),
  ];
}

/** The search for a name in the text of all files. @param {string} name */
export const usesOf = (name) => ({
  text: `${edge(name[0])}${name.replace(/\$/g, '\\$')}${edge(name.at(-1))}`, isRegex: true, minds: true,
});

/** Which place of a text is shown. @param {number} at from 1 @param {number} all @param {boolean} hasMore whether there are more than these */
export const placeText = (at, all, hasMore) => `${at.toLocaleString('en')} of ${hasMore ? 'the first ' : ''}${all.toLocaleString('en')}`;

/** What a question about lines begins with. @param {import('./reference.js').Reference} reference */
export const aboutText = (reference) => `About \`${formatReference(reference)}\`: `;

/** Lines and characters of code that a question about them repeats; their place alone stands for more. */
const MAX_QUOTED_LINES = 20;
const MAX_QUOTED_LENGTH = 2000;

/** Lines of code as a question quotes them, empty if they are many. @param {string[]} lines */
export function quotedLines(lines) {
  const code = lines.join('\n');
  if (!/\S/.test(code) || lines.length > MAX_QUOTED_LINES || code.length > MAX_QUOTED_LENGTH) return '';
  // The fence is longer than any in the code.
  const fence = '`'.repeat(Math.max(3, ...(code.match(/`+/g) ?? []).map((run) => run.length + 1)));
  return `\n\n${fence}\n${code}\n${fence}`;
}
