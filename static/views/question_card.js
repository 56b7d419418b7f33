/** A form with questions of the agent to the person. */
import { element } from './dom.js';

export class QuestionCard extends HTMLElement {
  /** @type {import('../store.js').QuestionPart | null} */
  #part = null;
  #closed = false;
  /** @type {HTMLFormElement | null} */
  #form = null;
  #button = element('button', {}, 'Answer');
  #note = element('span', { className: 'note', role: 'status' });

  /**
   * @param {import('../store.js').QuestionPart} part
   * @param {boolean} closed whether a later turn exists
   */
  update(part, closed) {
    if (part === this.#part && closed === this.#closed) return;
    this.#part = part;
    this.#closed = closed;
    if (!this.#form) {
      this.#form = this.#build(part);
      this.append(this.#form);
    }
    const over = closed || part.answered;
    for (const set of this.#form.querySelectorAll('fieldset')) set.disabled = over;
    this.#button.hidden = over;
    this.#note.textContent = over ? 'Answered.' : '';
  }

  /** @param {import('../store.js').QuestionPart} part */
  #build(part) {
    const sets = part.questions.map((question, index) => {
      const name = `${part.callId} ${index}`;
      const type = question.multiSelect ? 'checkbox' : 'radio';
      const choices = (question.options ?? []).map((option) => element('label', { className: 'choice' },
        element('input', { type, name, value: option.label }),
        element('span', {}, option.label,
          ...(option.description ? [element('small', {}, option.description)] : []))));
      return element('fieldset', {},
        element('legend', {}, question.question),
        ...choices,
        element('input', {
          type: 'text', className: 'own', name: `${name} own`, autocomplete: 'off',
          placeholder: 'Or in your own words', 'aria-label': 'In your own words',
        }));
    });
    return element('form', { onsubmit: (/** @type {SubmitEvent} */ event) => this.#submit(event) },
      ...sets, element('p', { className: 'actions' }, this.#button, this.#note));
  }

  /** @param {SubmitEvent} event */
  #submit(event) {
    event.preventDefault();
    if (!this.#part || !this.#form) return;
    const given = new FormData(this.#form);
    /** @type {import('../protocol.js').Answers} */
    const answers = {};
    for (const [index, question] of this.#part.questions.entries()) {
      const name = `${this.#part.callId} ${index}`;
      const own = String(given.get(`${name} own`) ?? '').trim();
      const chosen = [...given.getAll(name).map(String), ...(own ? [own] : [])];
      if (chosen.length === 0) {
        this.#note.textContent = 'Answer each question.';
        return;
      }
      // If only one answer counts, the person's own words replace the chosen option.
      answers[index] = question.multiSelect ? chosen : chosen[chosen.length - 1];
    }
    this.dispatchEvent(new CustomEvent('answer', { detail: { callId: this.#part.callId, answers }, bubbles: true }));
  }
}

customElements.define('question-card', QuestionCard);
