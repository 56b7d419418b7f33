/** What a person asked: the words, long ones cut until somebody wants all of them. */
import { element, setText } from './dom.js';

/** More than this is rarely read again. */
const MOST_LINES = 16;
const MOST_CHARACTERS = 2000;

export class QuestionText extends HTMLElement {
  #text = '';
  #isExpanded = false;
  #question = element('h2', { className: 'question' });
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
    this.#draw();
  }

  #toggle() {
    this.#isExpanded = !this.#isExpanded;
    this.#draw();
  }

  #draw() {
    const cut = beginning(this.#text);
    const isLong = cut.length < this.#text.length;
    setText(this.#question, isLong && !this.#isExpanded ? `${cut} …` : this.#text);
    this.#all.hidden = !isLong;
    if (!isLong) return;
    const lines = this.#text.split('\n').length;
    const size = lines > MOST_LINES ? `${lines.toLocaleString('en')} lines` : `${this.#text.length.toLocaleString('en')} characters`;
    setText(this.#all, this.#isExpanded ? 'Show less' : `Show all ${size}`);
    this.#all.setAttribute('aria-expanded', String(this.#isExpanded));
  }
}

/** @param {string} text */
function beginning(text) {
  let end = Math.min(text.length, MOST_CHARACTERS);
  let at = -1;
  for (let line = 0; line < MOST_LINES && at < end; line += 1) {
    const next = text.indexOf('\n', at + 1);
    at = next < 0 ? text.length : next;
  }
  end = Math.min(end, at);
  // A little more is no reason to cut.
  return text.length - end < 200 && !text.slice(end).includes('\n') ? text : text.slice(0, end);
}

customElements.define('question-text', QuestionText);
