/** Finding a text in the whole file, also in lines that are not shown: the server tells where it stands. */
import { findInFile } from '../code_api.js';
import { errorMessage } from '../api.js';
import { placeText } from '../code_names.js';
import { element, setText } from './dom.js';
import { highlightRanges, textRange } from './text_range.js';

/** Milliseconds without typing before the server is asked. */
const PAUSE = 150;

/**
 * @typedef {object} FilePane what shows the file
 * @property {(line: number) => Element | null} lineAt none if the line is not shown
 * @property {() => number} firstLine the first line that is shown
 * @property {(line: number) => Promise<void>} reveal shows the lines around one, and scrolls to it
 */

export class FindInFile {
  /** @type {import('./reader_tools.js').Shown | null} */
  #file = null;
  /** @type {import('../code_api.js').TextPlace[]} */
  #places = [];
  #hasMore = false;
  #at = -1;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer = undefined;
  #asking = new AbortController();
  #field = element('input', {
    type: 'text', placeholder: 'Find in this file', autocomplete: 'off', spellcheck: false, 'aria-label': 'Find in this file', enterKeyHint: 'search', maxLength: 200,
    oninput: () => this.#searchSoon(), onkeydown: (/** @type {KeyboardEvent} */ event) => this.#key(event),
  });
  #status = element('span', { className: 'note', role: 'status' });
  node = element('div', { className: 'find' }, this.#field, this.#status,
    element('button', { type: 'button', className: 'quiet', 'aria-label': 'Previous place', onclick: () => this.#go(-1) }, '↑'),
    element('button', { type: 'button', className: 'quiet', 'aria-label': 'Next place', onclick: () => this.#go(1) }, '↓'));

  /** @param {FilePane} pane */
  constructor(pane) {
    this.pane = pane;
  }

  focus() {
    this.#field.focus();
    this.#field.select();
  }

  /** Looks in another file. @param {import('./reader_tools.js').Shown | null} file */
  search(file) {
    this.#file = file;
    this.#places = [];
    this.#at = -1;
    this.#search();
  }

  /** Marks the places in the lines that are shown, as when they are others. */
  mark() {
    highlightRanges('places', this.#places.flatMap((place) => this.#ranges(place)));
    const place = this.#places[this.#at];
    if (place) highlightRanges('found', this.#ranges(place));
  }

  close() {
    clearTimeout(this.#timer);
    this.#asking.abort();
    this.#file = null;
    this.#places = [];
    this.#at = -1;
    highlightRanges('places', []);
    highlightRanges('found', []);
  }

  /** @param {import('../code_api.js').TextPlace} place */
  #ranges({ line, start, end }) {
    const code = this.pane.lineAt(line)?.querySelector('code');
    return code ? textRange(code, start, end) : [];
  }

  #searchSoon() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#search(), PAUSE);
  }

  async #search() {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#asking.abort();
    const asking = new AbortController();
    this.#asking = asking;
    const text = this.#field.value;
    const from = this.#places[this.#at]?.line ?? this.pane.firstLine();
    try {
      const { places, more } = text && this.#file ? await findInFile(this.#file, text, asking.signal) : { places: [], more: false };
      if (asking.signal.aborted) return;
      this.#places = places;
      this.#hasMore = more;
      this.#at = Math.max(0, places.findIndex(({ line }) => line >= from));
      highlightRanges('found', []);
      setText(this.#status, text && !places.length ? 'Nothing in this file.' : '');
      await this.#go(0);
    } catch (error) {
      if (!asking.signal.aborted) setText(this.#status, errorMessage(error));
    }
  }

  /** @param {1 | 0 | -1} direction */
  async #go(direction) {
    const { length } = this.#places;
    if (length) {
      this.#at = (this.#at + direction + length) % length;
      setText(this.#status, placeText(this.#at + 1, length, this.#hasMore));
      await this.pane.reveal(this.#places[this.#at].line);
    }
    this.mark();
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (event.isComposing || event.key !== 'Enter') return;
    event.preventDefault();
    if (this.#timer !== undefined) this.#search();
    else this.#go(event.shiftKey ? -1 : 1);
  }
}
