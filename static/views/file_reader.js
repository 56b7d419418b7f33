/** A file beside the conversation: its lines, those that are cited marked, an outline, and the way to the next citation. */
import { readFile } from '../api.js';
import { formatReference } from '../reference.js';
import { copyText, element, setText } from './dom.js';
import { setHtml } from './html.js';

export class FileReader extends HTMLElement {
  /** @type {{project: string, place: import('../reference.js').Reference} | null} */
  #shown = null;
  /** @type {import('../api.js').FilePage | null} */
  #page = null;
  /** Counts what was asked for: an answer that comes late is dropped. */
  #asked = 0;
  /** Where the focus goes when the file is closed. @type {HTMLElement | null} */
  #opener = null;
  #dir = element('span', { className: 'dir' });
  #name = element('strong');
  #range = element('span', { className: 'range' });
  #heading = element('h2', { tabIndex: -1 }, this.#dir, this.#name, this.#range);
  #copy = element('button', { type: 'button', className: 'quiet', onclick: () => this.#copyPath() }, 'Copy path');
  #about = element('p', { className: 'about', role: 'status' });
  #lines = element('div', { className: 'lines' });
  #earlier = element('button', { type: 'button', hidden: true, onclick: () => this.#more(-1) }, 'Earlier lines');
  #later = element('button', { type: 'button', hidden: true, onclick: () => this.#more(1) }, 'Later lines');
  #scroller = element('div', { className: 'scroller', tabIndex: 0, role: 'region', 'aria-label': 'Lines of the file' },
    this.#earlier, this.#lines, this.#later);
  #list = element('ul');
  #outline = element('details', { className: 'outline', hidden: true }, element('summary', {}, 'Outline'), this.#list);
  #walked = element('span', { className: 'citation-position' });
  #previous = element('button', {
    type: 'button', className: 'quiet', title: '[', 'aria-label': 'Previous citation', onclick: () => this.#emit('walk-citation', -1),
  }, '‹');
  #next = element('button', {
    type: 'button', className: 'quiet', title: ']', 'aria-label': 'Next citation', onclick: () => this.#emit('walk-citation', 1),
  }, '›');
  #walk = element('div', { className: 'citation-nav', hidden: true }, this.#previous, this.#walked, this.#next);

  connectedCallback() {
    this.setAttribute('role', 'complementary');
    this.setAttribute('aria-label', 'File');
    this.hidden = true;
    this.append(
      element(/** @type {any} */ ('pane-splitter'), { 'data-pane': 'reader' }),
      element('div', { className: 'head' }, this.#heading, this.#copy, element('button', {
        type: 'button', className: 'quiet close', title: 'Escape', onclick: () => this.#emit('close-file', null),
      }, 'Close')),
      this.#about, this.#scroller,
      element('div', { className: 'foot' }, this.#outline, this.#walk),
    );
    this.#list.addEventListener('click', (event) => this.#toDefinition(event));
  }

  get isOpen() {
    return !this.hidden;
  }

  /** @param {string} project @param {import('../reference.js').Reference} place */
  async show(project, place) {
    if (!this.isOpen) this.#opener = /** @type {HTMLElement | null} */ (document.activeElement);
    this.hidden = false;
    const before = this.#shown;
    this.#shown = { project, place };
    this.#renderHead(place);
    const isShown = before?.project === project && before.place.path === place.path && this.#page !== null
      && (!place.line || (place.line >= this.#page.first_line && place.line <= this.#page.last_line));
    if (isShown) {
      this.#mark(place);
      this.#heading.focus({ preventScroll: true });
      return;
    }
    this.#page = null;
    await this.#load(place.path, place.line);
    this.#heading.focus({ preventScroll: true });
  }

  close() {
    this.hidden = true;
    this.#asked += 1;
    this.#page = null;
    if (this.#opener?.isConnected) this.#opener.focus({ preventScroll: true });
    this.#opener = null;
  }

  /** How far the walk along the citations has got. @param {number} at from 0, below it nowhere @param {number} all */
  showWalk(at, all) {
    this.#walk.hidden = all === 0;
    setText(this.#walked, at < 0 ? `${all} cited` : `${at + 1} of ${all} cited`);
    this.#previous.disabled = at === 0;
    this.#next.disabled = at === all - 1;
  }

  /** @param {string} path @param {number} [line] */
  async #load(path, line) {
    const asked = (this.#asked += 1);
    const { project } = /** @type {{project: string}} */ (this.#shown);
    this.#showStatus('Opening…');
    try {
      const page = await readFile(project, path, line);
      if (asked !== this.#asked) return;
      this.#render(page);
      // Text is there at once; its colours take a moment longer.
      if (page.language && !page.binary) {
        const { lines } = await readFile(project, path, line, true);
        if (asked === this.#asked && lines) this.#colour(lines);
      }
    } catch (error) {
      if (asked !== this.#asked) return;
      this.#lines.replaceChildren();
      this.#outline.hidden = true;
      this.#earlier.hidden = true;
      this.#later.hidden = true;
      this.#showStatus(error instanceof Error ? error.message : String(error), true);
    }
  }

  /** @param {import('../reference.js').Reference} place */
  #renderHead(place) {
    const cut = place.path.lastIndexOf('/') + 1;
    setText(this.#dir, place.path.slice(0, cut));
    setText(this.#name, place.path.slice(cut));
    setText(this.#range, place.line ? ` ${formatReference(place).slice(place.path.length + 1).replace('-', '–')}` : '');
    this.#heading.title = formatReference(place);
    this.#copy.hidden = !navigator.clipboard;
  }

  /** @param {import('../api.js').FilePage} page */
  #render(page) {
    this.#page = page;
    const words = page.binary ? 'This is no text, so nothing of it is shown.'
      : page.total_lines === 0 ? 'The file is empty.'
        : page.truncated ? `Lines ${page.first_line} to ${page.last_line} of ${page.total_lines}` : `${page.total_lines} ${page.total_lines === 1 ? 'line' : 'lines'}`;
    this.#showStatus(words);
    const texts = page.last_line > 0 ? page.text.split('\n').slice(0, page.last_line - page.first_line + 1) : [];
    this.#lines.replaceChildren(...texts.map((text, index) => line(page.first_line + index, text)));
    this.#earlier.hidden = page.first_line <= 1;
    this.#later.hidden = page.last_line >= page.total_lines;
    this.#outline.hidden = page.outline.length === 0;
    this.#list.replaceChildren(...page.outline.map(({ kind, name, line: at }) => element('li', {}, element('button', {
      type: 'button', className: 'quiet', 'data-line': String(at),
    }, element('span', { className: 'kind' }, kind), ` ${name}`))));
    if (this.#shown) this.#mark(this.#shown.place);
  }

  /** @param {string[]} lines the same lines with colours, as the server made them safe */
  #colour(lines) {
    for (const [index, code] of this.#lines.querySelectorAll('code').entries()) {
      if (lines[index] !== undefined) setHtml(code, lines[index]);
    }
  }

  /** Marks the lines that are cited and brings them into sight. @param {import('../reference.js').Reference} place */
  #mark({ line: first, end_line: last }) {
    this.#lines.querySelectorAll('.cited').forEach((node) => node.classList.remove('cited'));
    const node = first ? this.#lineAt(first) : this.#lines.firstElementChild;
    if (first) {
      for (let at = first; at <= (last ?? first); at += 1) this.#lineAt(at)?.classList.add('cited');
    }
    this.#bringIntoSight(node);
  }

  /** @param {number} number */
  #lineAt(number) {
    return this.#page ? this.#lines.children[number - this.#page.first_line] ?? null : null;
  }

  /** A third down the pane, so that what stands before it is seen too. @param {Element | null} node */
  #bringIntoSight(node) {
    if (!node) return;
    const pane = this.#scroller;
    const offset = node.getBoundingClientRect().top - pane.getBoundingClientRect().top;
    pane.scrollTop += offset - pane.clientHeight / 3;
  }

  /** @param {1 | -1} direction */
  async #more(direction) {
    const page = this.#page;
    if (!page || !this.#shown) return;
    const at = direction < 0 ? page.first_line - 1 : page.last_line + 1;
    await this.#load(this.#shown.place.path, at);
    this.#bringIntoSight(this.#lineAt(at));
  }

  /** @param {Event} event */
  async #toDefinition(event) {
    const button = /** @type {HTMLElement | null} */ (/** @type {Element} */ (event.target).closest('button[data-line]'));
    if (!button || !this.#shown) return;
    const place = { path: this.#shown.place.path, line: Number(button.dataset.line) };
    this.#outline.open = false;
    await this.show(this.#shown.project, place);
  }

  async #copyPath() {
    if (this.#shown) await copyText(formatReference(this.#shown.place), this.#copy);
  }

  /** @param {string} words @param {boolean} [isError] */
  #showStatus(words, isError = false) {
    setText(this.#about, words);
    this.#about.classList.toggle('error', isError);
  }

  /** @param {string} name @param {unknown} detail */
  #emit(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail, bubbles: true }));
  }
}

/** @param {number} number @param {string} text */
function line(number, text) {
  return element('div', { className: 'line' },
    element('span', { className: 'gutter' }, String(number)), element('code', {}, text));
}

customElements.define('file-reader', FileReader);
