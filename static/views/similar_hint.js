/** The line above the composer that links a similar question. */
import { dayHeading, fullTime, shortTime } from '../dates.js';
import { element, setText } from './dom.js';
import { turnLink } from './turn_link.js';

export class SimilarHint extends HTMLElement {
  #when = element('span', { className: 'when' });
  #kind = element('span', {}, 'Similar question: ');
  #line = element('p', { hidden: true });

  connectedCallback() {
    this.role = 'status';
    if (!this.#line.parentNode) this.append(this.#line);
  }

  /** @param {string} project @param {import('../api.js').SimilarQuestion | null} asked */
  update(project, asked) {
    this.#line.hidden = asked === null;
    if (!asked) return;
    const now = new Date();
    const heading = dayHeading(asked.asked_at, now);
    setText(this.#kind, asked.note ? 'A note answers: ' : 'Similar question: ');
    const link = turnLink(project, asked, asked.question.replace(/\s+/g, ' '));
    link.title = asked.question;
    this.#line.replaceChildren(this.#kind, link, this.#when);
    setText(this.#when, heading === 'Earlier' ? shortTime(asked.asked_at, now) : `${heading}, ${shortTime(asked.asked_at, now)}`);
    this.#when.title = fullTime(asked.asked_at);
  }
}

customElements.define('similar-hint', SimilarHint);
