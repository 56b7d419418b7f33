/** The text of a question. Long text is cut, with a button that shows all of it. */
import { element, setText } from './dom.js';

const MAX_LINES = 16;
const MAX_CHARACTERS = 2000;

export class QuestionText extends HTMLElement {
  #text = '';
  #isExpanded = false;
  #question = element('h2', { className: 'question', dir: 'auto' });
  #all = element('button', {
    type: 'button', className: 'quiet all', hidden: true, 'aria-expanded': 'false', onclick: () => this.#toggle(),
  });

  connectedCallback() {
    if (!this.#question.parentNode) this.append(this.#question, this.#all);
  }

  /** @param {string} text */
  update(text) {
    if (text === this.#text) return;
    this.#text = text;
    this.#render();
  }

  #toggle() {
    this.#isExpanded = !this.#isExpanded;
    this.#render();
  }

  #render() {
    const cut = beginning(this.#text);
    const isLong = cut.length < this.#text.length;
    setText(this.#question, isLong && !this.#isExpanded ? `${cut} …` : this.#text);
    this.#all.hidden = !isLong;
    if (!isLong) return;
    const lines = this.#text.split('\n').length;
    const size = lines > MAX_LINES ? `${lines.toLocaleString('en')} lines` : `${this.#text.length.toLocaleString('en')} characters`;
    setText(this.#all, this.#isExpanded ? 'Show less' : `Show all ${size}`);
    this.#all.setAttribute('aria-expanded', String(this.#isExpanded));
  }
}

/** @param {string} text */
function beginning(text) {
  let end = Math.min(text.length, MAX_CHARACTERS);
  let at = -1;
  for (let line = 0; line < MAX_LINES && at < end; line += 1) {
    const next = text.indexOf('\n', at + 1);
    at = next < 0 ? text.length : next;
  }
  end = Math.min(end, at);
  // Not worth cutting if little more follows.
  return text.length - end < 200 && !text.slice(end).includes('\n') ? text : text.slice(0, end);
}

customElements.define('question-text', QuestionText);
