/** Ways to a turn of another conversation: a link, which a plain click opens in place, and going there. */
import { formatAddress } from '../address.js';
import { element, isPlainClick } from './dom.js';

/**
 * @param {string} project @param {{conversation_id: number, turn: number}} to @param {string} text
 * @param {() => void} [onFollow] called before it is opened in place
 */
export const turnLink = (project, { conversation_id: conversation, turn }, text, onFollow = () => {}) => element('a', {
  href: formatAddress(project, conversation, turn), dir: 'auto',
  onclick: (/** @type {MouseEvent} */ event) => {
    if (!isPlainClick(event)) return;
    event.preventDefault();
    onFollow();
    visitTurn(conversation, turn);
  },
}, text);

/** Opens a turn in place. @param {number} conversation @param {number | null} turn */
export const visitTurn = (conversation, turn) => document.dispatchEvent(new CustomEvent('visit-turn', { detail: { conversation, turn } }));
