/** What people say of answers, with those that somebody finds wrong, for admins. */
import { formatAddress } from '../address.js';
import { element, setText } from '../views/dom.js';
import { RovingFocus } from '../views/roving_focus.js';
import { since } from './format.js';

/**
 * @typedef {{project: string, conversation_id: number, turn: number, question: string | null, user: string | null, why: string | null,
 *   reacted_at: string}} WrongAnswer
 * @typedef {{useful: number, wrong: number, wrong_answers: WrongAnswer[]}} AllReactions
 */

export class WrongAnswers extends HTMLElement {
  #shown = '';
  #heading = element('h2', {}, 'Answers');
  #counts = element('p', { className: 'note' });
  #list = element('ul', {});
  #roving = new RovingFocus(this.#list, 'li');

  connectedCallback() {
    if (!this.#list.parentNode) this.append(this.#heading, this.#counts, this.#list);
  }

  /** @param {AllReactions} reactions @param {number} now in milliseconds */
  update({ useful, wrong, wrong_answers: answers }, now) {
    this.hidden = useful + wrong === 0;
    setText(this.#counts, `${useful} useful, ${wrong} wrong`);
    const key = JSON.stringify(answers);
    // The focus stays where nothing has changed.
    if (key === this.#shown) return;
    this.#shown = key;
    this.#list.replaceChildren(...answers.map((answer) => wrongAnswer(answer, now)));
    this.#roving.update();
  }
}

/** @param {WrongAnswer} answer @param {number} now */
function wrongAnswer({ project, conversation_id: id, turn, question, user, why, reacted_at: at }, now) {
  return element('li', {},
    element('a', { href: formatAddress(project, id, turn), dir: 'auto' }, question?.replace(/\s+/g, ' ').trim() || 'A question without words'),
    element('p', {}, element('bdi', {}, why ?? 'No reason was given.')),
    element('p', { className: 'note' }, `${user ?? 'Somebody'} in ${project}, ${since(at, now)} ago`));
}

customElements.define('wrong-answers', WrongAnswers);
