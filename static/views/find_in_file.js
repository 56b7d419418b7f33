/** Finding a text in the lines that are shown of a file. */
import { element, setText } from './dom.js';
import { highlightRanges, textRange } from './text_range.js';

/** Most places that are shown. */
const MAX_PLACES = 2000;

export class FindInFile {
  /** @type {Range[]} */
  #found = [];
  #at = -1;
  #field = element('input', {
    type: 'text', placeholder: 'Find in this file', autocomplete: 'off', spellcheck: false, 'aria-label': 'Find in this file', enterKeyHint: 'search',
    oninput: () => this.update(), onkeydown: (/** @type {KeyboardEvent} */ event) => this.#key(event),
  });
  #status = element('span', { className: 'note', role: 'status' });
  node = element('div', { className: 'find' }, this.#field, this.#status,
    element('button', { type: 'button', className: 'quiet', 'aria-label': 'Previous place', onclick: () => this.#go(-1) }, '↑'),
    element('button', { type: 'button', className: 'quiet', 'aria-label': 'Next place', onclick: () => this.#go(1) }, '↓'));

  /** @param {HTMLElement} lines @param {(line: Element) => void} scrollTo */
  constructor(lines, scrollTo) {
    this.lines = lines;
    this.scrollTo = scrollTo;
  }

  focus() {
    this.#field.focus();
    this.#field.select();
  }

  /** Looks again, as when other lines are shown. */
  update() {
    const wanted = this.#field.value.toLowerCase();
    this.#found = [];
    if (wanted) {
      for (const code of this.lines.querySelectorAll('code')) {
        const text = (code.textContent ?? '').toLowerCase();
        for (let at = text.indexOf(wanted); at >= 0 && this.#found.length < MAX_PLACES; at = text.indexOf(wanted, at + wanted.length)) {
          this.#found.push(...textRange(code, at, at + wanted.length));
        }
      }
    }
    this.#at = -1;
    highlightRanges('places', this.#found);
    if (this.#found.length) this.#go(1);
    else {
      highlightRanges('found', []);
      setText(this.#status, wanted ? 'Nothing in the lines shown.' : '');
    }
  }

  close() {
    this.#found = [];
    highlightRanges('places', []);
    highlightRanges('found', []);
  }

  /** @param {1 | -1} direction */
  #go(direction) {
    if (this.#found.length === 0) return;
    this.#at = (this.#at + direction + this.#found.length) % this.#found.length;
    const range = this.#found[this.#at];
    highlightRanges('found', [range]);
    const line = range.startContainer.parentElement?.closest('.line');
    if (line) this.scrollTo(line);
    setText(this.#status, `${this.#at + 1} of ${this.#found.length}`);
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (event.isComposing || event.key !== 'Enter') return;
    event.preventDefault();
    this.#go(event.shiftKey ? -1 : 1);
  }
}
