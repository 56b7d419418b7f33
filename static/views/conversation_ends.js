/** What stands before and behind the turns: where a fork goes on from, and questions that follow from the last answer. */
import { formatAddress } from '../address.js';
import { element } from './dom.js';
import { turnLink } from './turn_link.js';

export class ConversationEnds {
  origin = element('p', { className: 'note origin', hidden: true });
  followUps = element('div', { className: 'follow-ups', role: 'group', 'aria-label': 'Questions that follow', hidden: true });
  /** The turn that a fork goes on from, as it is shown. */
  #from = '';
  /** The answer that questions were asked for. */
  #followed = '';

  /** @param {import('../store.js').Conversation | null} conversation @param {string} project */
  update(conversation, project) {
    this.#showOrigin(conversation?.forkedFrom ?? null, project);
    const last = conversation?.turns.at(-1);
    const isOver = conversation?.caughtUp && conversation.pending.length === 0 && conversation.sharing?.may_write !== false
      && last?.end?.kind === 'done' && last.end.outcome === 'completed' && last.end.citations.some(({ found }) => found);
    const followed = isOver ? `${conversation.id} ${last.turn}` : '';
    if (followed === this.#followed) return;
    this.#followed = followed;
    this.followUps.hidden = true;
    if (isOver) emit(this.followUps, 'follow-ups', { turn: last.turn, node: this.followUps });
  }

  /** @param {import('../protocol.js').ForkedFrom | null} from @param {string} project */
  #showOrigin(from, project) {
    const address = from === null ? '' : formatAddress(project, from.conversation_id, from.turn);
    if (address === this.#from) return;
    this.#from = address;
    this.origin.hidden = from === null;
    this.origin.replaceChildren(...(from === null ? [] : ['Goes on from ', turnLink(project, from, 'an answer in another conversation'), '.']));
  }
}

/** @param {HTMLElement} node @param {string} name @param {unknown} detail */
const emit = (node, name, detail) => node.dispatchEvent(new CustomEvent(name, { detail, bubbles: true }));
