/**
 * What people say of an answer: two buttons that say it, a field for the reason, and the reasons of
 * others.
 */
import { MAX_REASON, reasonText, reactionLabel } from '../reactions.js';
import { element, setText } from './dom.js';

export class AnswerReactions extends HTMLElement {
  #turn = 0;
  /** @type {import('../protocol.js').AnswerReactions | null} */
  #reactions = null;
  #useful = this.#button('useful', 'Say that this answer helped');
  #wrong = this.#button('wrong', 'Say that something in this answer is wrong');
  #reasons = element('ul', { className: 'reasons', 'aria-label': 'What people say of this answer', hidden: true });
  #why = element('input', {
    className: 'own', maxLength: MAX_REASON, autocomplete: 'off', enterKeyHint: 'done',
    'aria-label': 'What is wrong with it? You can leave this empty.', placeholder: 'What is wrong? (optional)',
  });
  #form = element('form', {
    hidden: true,
    onsubmit: (/** @type {Event} */ event) => {
      event.preventDefault();
      const why = this.#why.value.trim();
      this.#close();
      if (why) this.#say({ verdict: 'wrong', why });
    },
    onkeydown: (/** @type {KeyboardEvent} */ event) => {
      if (event.key !== 'Escape') return;
      event.stopPropagation();
      this.#close();
    },
  }, this.#why, element('button', {}, 'Save'));

  /** @param {number} turn @param {import('../protocol.js').AnswerReactions | null} reactions */
  update(turn, reactions) {
    if (!this.#form.parentNode) this.append(this.#useful, this.#wrong, this.#form, this.#reasons);
    this.#turn = turn;
    this.#reactions = reactions;
    const mine = reactions?.mine?.verdict;
    for (const [button, verdict] of /** @type {const} */ ([[this.#useful, 'useful'], [this.#wrong, 'wrong']])) {
      setText(button, reactionLabel(verdict, reactions?.[verdict] ?? 0));
      button.setAttribute('aria-pressed', String(mine === verdict));
    }
    if (mine !== 'wrong') this.#form.hidden = true;
    const reasons = reactions?.reasons ?? [];
    this.#reasons.hidden = reasons.length === 0;
    this.#reasons.replaceChildren(...reasons.map((reason) => element('li', {}, element('bdi', {}, reasonText(reason)))));
  }

  /** @param {'useful' | 'wrong'} verdict @param {string} title */
  #button(verdict, title) {
    return element('button', {
      type: 'button', className: 'quiet', title, 'aria-pressed': 'false', onclick: () => this.#pressed(verdict),
    });
  }

  /** Says it, or takes it back where it was said. @param {'useful' | 'wrong'} verdict */
  #pressed(verdict) {
    const isTakenBack = this.#reactions?.mine?.verdict === verdict;
    this.#say(isTakenBack ? null : { verdict });
    this.#form.hidden = isTakenBack || verdict !== 'wrong';
    if (this.#form.hidden) return;
    this.#why.value = '';
    this.#why.focus();
  }

  #close() {
    this.#form.hidden = true;
    this.#wrong.focus();
  }

  /** @param {import('../protocol.js').Reaction | null} reaction */
  #say(reaction) {
    this.dispatchEvent(new CustomEvent('react', { detail: { turn: this.#turn, reaction }, bubbles: true }));
  }
}

customElements.define('answer-reactions', AnswerReactions);
