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

/**
 * Says something of an answer of the open conversation, or takes it back.
 * @param {import('./page.js').Page} page @param {import('./views/page_notice.js').PageNotice} notice
 * @param {{turn: number, reaction: import('./protocol.js').Reaction | null}} said
 */
export async function react(page, notice, { turn, reaction }) {
  const { project, conversation } = page.state;
  const id = conversation?.id;
  if (project === null || !id) return;
  try {
    const told = await api.callConversation(reaction ? 'PUT' : 'DELETE', project, id, `reactions/${turn}`, reaction ?? undefined);
    if (page.state.conversation?.id === id) page.dispatch({ type: 'reactions', answers: [told] });
  } catch (error) {
    notice.show(`What you said of the answer was not kept: ${api.errorMessage(error)}`);
  }
}
