/** What people say of answers. Loaded with the first finished answer. */
import * as api from './api.js';

/** Characters of a reason that the server accepts. */
export const MAX_REASON = 280;

/** @typedef {import('./protocol.js').Reaction & {user?: string}} Reason */

/** A button's words. @param {'useful' | 'wrong'} verdict @param {number} count people who say so */
export function reactionLabel(verdict, count) {
  const word = verdict === 'useful' ? 'Useful' : 'Wrong';
  return count > 0 ? `${word} · ${count}` : word;
}

/** What somebody says. @param {Reason} reason */
export const reasonText = ({ verdict, why = '', user = 'Somebody' }) => `${user} finds it ${verdict}: ${why}`;

/** Who keeps an answer. @param {{by?: string}} note */
export const noteText = ({ by }) => (by ? `Kept as a note by ${by}` : 'Kept as a note');

/**
 * Says something of an answer of the open conversation, or takes it back.
 * @param {import('./page.js').Page} page @param {import('./views/page_notice.js').PageNotice} notice
 * @param {{turn: number, reaction: import('./protocol.js').Reaction | null}} said
 */
export const react = (page, notice, { turn, reaction }) => mark(page, notice, `reactions/${turn}`, reaction);

/**
 * Keeps an answer of the open conversation as a note, or no longer.
 * @param {import('./page.js').Page} page @param {import('./views/page_notice.js').PageNotice} notice
 * @param {{turn: number, isKept: boolean}} note
 */
export const keepNote = (page, notice, { turn, isKept }) => mark(page, notice, `notes/${turn}`, isKept ? {} : null);

/**
 * @param {import('./page.js').Page} page @param {import('./views/page_notice.js').PageNotice} notice
 * @param {string} path of what is said @param {object | null} said `null` takes it back
 */
async function mark(page, notice, path, said) {
  const { project, conversation } = page.state;
  const id = conversation?.id;
  if (project === null || !id) return;
  try {
    const told = await api.callConversation(said ? 'PUT' : 'DELETE', project, id, path, said ?? undefined);
    if (page.state.conversation?.id === id) page.dispatch({ type: 'reactions', answers: [told] });
  } catch (error) {
    notice.show(`This was not kept: ${api.errorMessage(error)}`);
  }
}

/** Shows all notes of the open project. @param {import('./page.js').Page} page */
export async function openNotes(page) {
  const { project } = page.state;
  if (project === null) return;
  const { openNotes: open } = await import('./views/notes_dialog.js');
  open(project, async ({ conversation_id: id, turn }) => {
    const told = await api.callConversation('DELETE', project, id, `notes/${turn}`);
    if (page.state.conversation?.id === id) page.dispatch({ type: 'reactions', answers: [told] });
  });
}
