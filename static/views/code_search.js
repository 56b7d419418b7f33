/** Search in the text of the project's files, in the place of the conversation. Asks no agent. */
import { TextSearch, markedRanges, searchText, textSummary } from '../text_search.js';
import { element, isPlainClick, setText } from './dom.js';
import { marked } from './invisible_marks.js';
import { fileAddress } from './references.js';
import { RovingFocus } from './roving_focus.js';

export class CodeSearch extends HTMLElement {
  #project = '';
  #search = new TextSearch((query, signal, onFrames) => searchText(this.#project, query, signal, onFrames),
    (results, added, isFirst) => this.#show(results, added, isFirst));
  /** Gets the focus back. @type {HTMLElement | null} */
  #opener = null;
  #field = element('input', {
    type: 'text', placeholder: 'Search in files', autocomplete: 'off', spellcheck: false, autocapitalize: 'off', enterKeyHint: 'search',
    'aria-label': 'Text to search for', oninput: () => this.#ask(), onkeydown: (/** @type {KeyboardEvent} */ event) => this.#fieldKey(event),
  });
  #case = toggle('Aa', 'Match capital letters', () => this.#ask(0));
  #regex = toggle('.*', 'Regular expression', () => this.#ask(0));
  #paths = element('input', {
    type: 'text', placeholder: 'Paths: src/** !*.test.js', autocomplete: 'off', spellcheck: false, autocapitalize: 'off',
    'aria-label': 'Paths, separated by spaces; an exclamation mark leaves out', oninput: () => this.#ask(),
    onkeydown: (/** @type {KeyboardEvent} */ event) => this.#fieldKey(event),
  });
  #language = element('select', { className: 'own', 'aria-label': 'Language', onchange: () => this.#ask(0) }, element('option', { value: '' }, 'All languages'));
  #progress = element('p', { className: 'note', 'aria-hidden': 'true', hidden: true });
  #status = element('p', { className: 'note', role: 'status' });
  #results = element('div', {
    className: 'results', role: 'region', 'aria-label': 'Lines found',
    onclick: (/** @type {MouseEvent} */ event) => this.#open(event),
  });
  #roving = new RovingFocus(this.#results, 'li', { page: 10, above: () => this.#field.focus() });
  /** @type {WeakMap<Element, {path: string, hit: import('../text_search.js').LineHit}>} */
  #hits = new WeakMap();

  connectedCallback() {
    if (this.#results.parentNode) return;
    this.setAttribute('role', 'search');
    this.setAttribute('aria-label', 'Code');
    this.hidden = true;
    this.append(
      element('div', { className: 'query' }, element('h1', { className: 'visually-hidden' }, 'Search in files'),
        element('div', { className: 'row' }, this.#field, this.#case, this.#regex,
          element('button', { type: 'button', className: 'quiet', title: 'Escape', onclick: () => this.close() }, 'Close')),
        element('div', { className: 'row' }, this.#paths, this.#language),
        this.#progress, this.#status),
      this.#results,
    );
  }

  get isOpen() {
    return !this.hidden;
  }

  /** @param {string} project @param {Partial<import('../text_search.js').TextQuery>} [query] to search for */
  open(project, { text = '', isRegex = false, minds = false } = {}) {
    if (project !== this.#project) {
      this.#project = project;
      this.#field.value = '';
      this.#paths.value = '';
      this.#language.length = 1;
    }
    if (!this.isOpen) this.#opener = /** @type {HTMLElement | null} */ (document.activeElement);
    this.hidden = false;
    this.#cover(true);
    if (text) {
      this.#field.value = text;
      this.#regex.setAttribute('aria-pressed', String(isRegex));
      this.#case.setAttribute('aria-pressed', String(minds));
    }
    if (text || this.#field.value === '') this.#ask(0);
    this.#field.focus();
    this.#field.select();
  }

  /** Returns whether it was open. */
  close() {
    if (!this.isOpen) return false;
    this.hidden = true;
    this.#search.stop();
    this.#cover(false);
    if (this.#opener?.isConnected) this.#opener.focus({ preventScroll: true });
    this.#opener = null;
    return true;
  }

  /** What is behind cannot be reached. @param {boolean} isCovered */
  #cover(isCovered) {
    for (const other of this.parentElement?.children ?? []) {
      if (other !== this) /** @type {HTMLElement} */ (other).inert = isCovered;
    }
  }

  /** @param {number} [pause] */
  #ask(pause) {
    this.#search.ask({
      text: this.#field.value, isRegex: isPressed(this.#regex), minds: isPressed(this.#case),
      paths: this.#paths.value.trim(), language: this.#language.value,
    }, pause);
  }

  /** @param {import('../text_search.js').TextResults} results @param {import('../text_search.js').FileHits[]} added @param {boolean} isFirst */
  #show(results, added, isFirst) {
    if (isFirst) {
      this.#results.replaceChildren();
      this.#results.scrollTop = 0;
    }
    this.#results.append(...added.map((file) => this.#fileNode(file)));
    this.#roving.update();
    const text = textSummary(results);
    // A screen reader is told of the end alone.
    const isRunning = results.phase === 'searching';
    this.#progress.hidden = !isRunning;
    setText(this.#progress, isRunning ? text : '');
    setText(this.#status, isRunning ? '' : text);
    this.#status.classList.toggle('error', results.phase === 'failed');
    if (results.scope) this.#offerLanguages(results.scope.languages);
  }

  /** @param {{name: string, files: number}[]} languages */
  #offerLanguages(languages) {
    const chosen = this.#language.value;
    const names = languages.map(({ name }) => name);
    if (chosen && !names.includes(chosen)) names.unshift(chosen);
    if (names.join() === [...this.#language.options].slice(1).map(({ value }) => value).join()) return;
    this.#language.replaceChildren(element('option', { value: '' }, 'All languages'), ...names.map((name) => element('option', { value: name }, name)));
    this.#language.value = chosen;
  }

  /** @param {import('../text_search.js').FileHits} file */
  #fileNode({ path, hits, more }) {
    const cut = path.lastIndexOf('/') + 1;
    const rows = hits.map((hit) => {
      const link = element('a', { href: fileAddress({ path, line: hit.line }) },
        element('span', { className: 'gutter' }, String(hit.line)),
        element('code', {}, ...(hit.from ? ['…'] : []), ...hit.pieces.flatMap(piece), ...(hit.cut ? ['…'] : [])));
      this.#hits.set(link, { path, hit });
      return element('li', {}, link);
    });
    return element('section', { role: 'group', 'aria-label': path },
      element('h2', { title: path }, element('span', { className: 'dir' }, ...marked(path.slice(0, cut))),
        element('span', { className: 'name' }, ...marked(path.slice(cut))), element('span', { className: 'count' }, `${hits.length}${more ? '+' : ''}`)),
      element('ul', {}, ...rows));
  }

  /** @param {MouseEvent} event */
  #open(event) {
    const link = /** @type {Element} */ (event.target).closest('a');
    const found = link && this.#hits.get(link);
    if (!link || !found || !isPlainClick(event)) return;
    event.preventDefault();
    link.focus({ preventScroll: true });
    const { path, hit } = found;
    this.dispatchEvent(new CustomEvent('open-file', {
      detail: { reference: { path, line: hit.line }, marks: { line: hit.line, ranges: markedRanges(hit) } }, bubbles: true,
    }));
  }

  /** @param {KeyboardEvent} event */
  #fieldKey(event) {
    if (event.isComposing) return;
    if (event.key === 'ArrowDown' && this.#roving.focus()) {
      event.preventDefault();
    } else if (event.key === 'Enter') {
      event.preventDefault();
      this.#ask(0);
    }
  }
}

/** @param {import('../api.js').Piece} piece @returns {(Node | string)[]} */
const piece = ({ text, hit }) => (hit ? [element('mark', {}, ...marked(text))] : marked(text));

/** @param {string} label @param {string} name @param {() => void} changed */
function toggle(label, name, changed) {
  const button = element('button', {
    type: 'button', className: 'toggle', 'aria-pressed': 'false', title: name, 'aria-label': name,
    onclick: () => {
      button.setAttribute('aria-pressed', String(!isPressed(button)));
      changed();
    },
  }, label);
  return button;
}

/** @param {HTMLElement} button */
const isPressed = (button) => button.getAttribute('aria-pressed') === 'true';

customElements.define('code-search', CodeSearch);
