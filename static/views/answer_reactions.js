/**
 * What people say of an answer: two buttons that say it, a field for the reason, one that keeps it as a
 * note, and what others say.
 */
import { MAX_REASON, noteText, reasonText, reactionLabel } from '../reactions.js';
import { element, setText } from './dom.js';
import { withIcon } from './icon.js';

export class AnswerReactions extends HTMLElement {
  #turn = 0;
  /** @type {import('../protocol.js').AnswerReactions | null} */
  #reactions = null;
  #useful = this.#button('useful', 'Say that this answer helped');
  #wrong = this.#button('wrong', 'Say that something in this answer is wrong');
  #keep = element('button', {
    type: 'button', className: 'quiet', title: 'Keep this answer as a note of the project, for everybody who may read it', 'aria-pressed': 'false',
    onclick: () => this.#emit('keep-note', { isKept: !this.#reactions?.note }),
  }, ...withIcon('note', 'Keep as note'));
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

  /** @param {number} turn @param {import('../protocol.js').AnswerReactions | null} reactions @param {boolean} mayKeep */
  update(turn, reactions, mayKeep) {
    if (!this.#form.parentNode) this.append(this.#useful, this.#wrong, this.#keep, this.#form, this.#reasons);
    this.#keep.hidden = !mayKeep;
    this.#keep.setAttribute('aria-pressed', String(Boolean(reactions?.note)));
    this.#turn = turn;
    this.#reactions = reactions;
    const mine = reactions?.mine?.verdict;
    for (const [button, verdict] of /** @type {const} */ ([[this.#useful, 'useful'], [this.#wrong, 'wrong']])) {
      setText(/** @type {Node} */ (button.lastElementChild), reactionLabel(verdict, reactions?.[verdict] ?? 0));
      button.setAttribute('aria-pressed', String(mine === verdict));
    }
    if (mine !== 'wrong') this.#form.hidden = true;
    const said = [...(reactions?.note ? [noteText(reactions.note)] : []), ...(reactions?.reasons ?? []).map(reasonText)];
    this.#reasons.hidden = said.length === 0;
    this.#reasons.replaceChildren(...said.map((text) => element('li', {}, element('bdi', {}, text))));
  }

  /** @param {'useful' | 'wrong'} verdict @param {string} title */
  #button(verdict, title) {
    return element('button', {
      type: 'button', className: 'quiet', title, 'aria-pressed': 'false', onclick: () => this.#pressed(verdict),
    }, ...withIcon(verdict, ''));
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
    this.#emit('react', { reaction });
  }

  /** @param {string} name @param {object} detail */
  #emit(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail: { turn: this.#turn, ...detail }, bubbles: true }));
  }
}

customElements.define('answer-reactions', AnswerReactions);
