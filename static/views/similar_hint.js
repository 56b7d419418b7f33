/** The line above the composer that links a similar question. */
import { formatAddress } from '../address.js';
import { dayHeading, fullTime, shortTime } from '../dates.js';
import { element, isPlainClick, setText } from './dom.js';

export class SimilarHint extends HTMLElement {
  /** @type {import('../api.js').SimilarQuestion | null} */
  #shown = null;
  #link = element('a', { onclick: (/** @type {MouseEvent} */ event) => this.#follow(event) });
  #when = element('span', { className: 'when' });
  #kind = element('span', {}, 'Similar question: ');
  #line = element('p', { hidden: true }, this.#kind, this.#link, this.#when);

  connectedCallback() {
    this.role = 'status';
    if (!this.#line.parentNode) this.append(this.#line);
  }

  /** @param {string} project @param {import('../api.js').SimilarQuestion | null} asked */
  update(project, asked) {
    this.#shown = asked;
    this.#line.hidden = asked === null;
    if (!asked) return;
    const now = new Date();
    const heading = dayHeading(asked.asked_at, now);
    setText(this.#kind, asked.note ? 'A note answers: ' : 'Similar question: ');
    setText(this.#link, asked.question.replace(/\s+/g, ' '));
    this.#link.href = formatAddress(project, asked.conversation_id, asked.turn);
    this.#link.title = asked.question;
    setText(this.#when, heading === 'Earlier' ? shortTime(asked.asked_at, now) : `${heading}, ${shortTime(asked.asked_at, now)}`);
    this.#when.title = fullTime(asked.asked_at);
  }

  /** @param {MouseEvent} event */
  #follow(event) {
    if (!this.#shown || !isPlainClick(event)) return;
    event.preventDefault();
    const { conversation_id: conversation, turn } = this.#shown;
    this.dispatchEvent(new CustomEvent('visit-turn', { detail: { conversation, turn }, bubbles: true }));
  }
}

customElements.define('similar-hint', SimilarHint);
