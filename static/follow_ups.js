/** Questions that follow from the last answer. Loaded once there is one. */
import * as api from './api.js';
import { element } from './views/dom.js';
import { prose } from './views/prose.js';

/** @param {import('./page.js').Page} page @param {number} turn the last one @param {HTMLElement} node to show them in */
export async function showFollowUps(page, turn, node) {
  const { project, conversation } = page.state;
  const id = conversation?.id;
  if (project === null || !id) return;
  const { questions } = await api.callConversation('GET', project, id, `follow-ups?turn=${turn}`);
  const now = page.state.conversation;
  // Something else may be shown by now.
  if (now?.id !== id || now.turns.at(-1)?.turn !== turn || now.pending.length > 0) return;
  node.replaceChildren(...questions.map((/** @type {string} */ question) => element('button', {
    type: 'button', onclick: () => node.dispatchEvent(new CustomEvent('ask', { detail: question, bubbles: true })),
  }, ...prose(question))));
  node.hidden = questions.length === 0;
}
