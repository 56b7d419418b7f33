/** Notes of a project as the page tells of them. Pure. */

/**
 * @typedef {{conversation_id: number, turn: number, question: string, answer: string, answered_at: string, kept_by?: string, kept_at: string,
 *   cited: number, changed: number}} Note `answer` is the beginning, in Markdown; `changed` are the `cited` places that are not as they were
 */

/** Characters of an answer that are shown. */
const MAX_EXCERPT = 280;

/** Whether what a note cites is as it was. @param {Note} note @returns {{text: string, isStale: boolean}} */
export function standingOf({ cited, changed }) {
  if (cited === 0) return { text: 'cites no file', isStale: false };
  if (changed === 0) return { text: 'what it cites is unchanged', isStale: false };
  if (changed === cited) return { text: 'all that it cites has changed since', isStale: true };
  return { text: `${changed} of ${cited} cited places changed since`, isStale: true };
}

/** The beginning of an answer in one line, without the marks of Markdown. @param {string} answer */
export function excerptOf(answer) {
  const line = answer.replace(/^```.*$/gm, '').replace(/[*`#>]+/g, '').replace(/\s+/g, ' ').trim();
  const letters = [...line];
  return letters.length > MAX_EXCERPT ? `${letters.slice(0, MAX_EXCERPT).join('')}…` : line;
}

/** How many notes there are. @param {{typed: string, count: number, more: boolean}} found */
export function notesStatus({ typed, count, more }) {
  if (count === 0) {
    return typed.trim() ? `No note matches “${typed.trim()}”.` : 'There are no notes yet. Press “Keep as note” under an answer that others will need.';
  }
  return more ? 'There are older notes. Type a word to find them.' : '';
}
