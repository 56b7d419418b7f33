/** The search dialog: finds conversations by title, messages, files and definitions; or the last two alone. */
import { formatAddress } from '../address.js';
import { searchMessages } from '../api.js';
import { findPlaces } from '../code_api.js';
import { SearchState, searchStatus } from '../search_state.js';
import { fullTime, shortTime } from '../dates.js';
import { visibleText } from '../invisible.js';
import { formatReference } from '../reference.js';
import { element, setText } from './dom.js';
import { marked } from './invisible_marks.js';
import { fileAddress } from './references.js';
import { visitTurn } from './turn_link.js';

/** @typedef {import('../search_state.js').SearchResult | import('../code_api.js').CodePlace} SearchOption */

const ROLES = { user: 'Question', assistant: 'Answer' };

export class SearchDialog extends HTMLElement {
  #project = '';
  #search = new SearchState((typed, signal) => searchMessages(this.#project, typed, signal),
    (found) => this.#show(found), (typed, limit, signal) => findPlaces(this.#project, typed, limit, signal));
  /** @type {{option: SearchOption, node: HTMLElement}[]} */
  #options = [];
  #active = -1;
  #field = element('input', {
    type: 'text', role: 'combobox', placeholder: 'Search', autocomplete: 'off', spellcheck: false, enterKeyHint: 'go',
    'aria-label': 'Search conversations', 'aria-autocomplete': 'list', 'aria-expanded': 'false', 'aria-controls': 'found',
    oninput: () => this.#search.type(this.#field.value),
    onkeydown: (/** @type {KeyboardEvent} */ event) => this.#key(event),
  });
  #list = element('div', {
    id: 'found', role: 'listbox', 'aria-label': 'Found',
    // Keeps the focus in the field.
    onpointerdown: (/** @type {Event} */ event) => event.preventDefault(),
    onclick: (/** @type {MouseEvent} */ event) => {
      const node = /** @type {Element} */ (event.target).closest('[role=option]');
      const at = this.#options.findIndex((option) => option.node === node);
      if (at >= 0) this.#open(at, event.ctrlKey || event.metaKey);
    },
  });
  #status = element('p', { className: 'note', role: 'status' });
  #dialog = element('dialog', {
    className: 'search', 'aria-label': 'Search', onclose: () => this.#closed(),
    onclick: (/** @type {Event} */ event) => event.target === this.#dialog && this.#dialog.close(),
  }, element('search', {},
    element('div', { className: 'field' }, this.#field,
      element('button', { type: 'button', className: 'quiet', onclick: () => this.#dialog.close() }, 'Close')),
    this.#list, this.#status));

  /**
   * @param {string} project @param {import('../api.js').ConversationSummary[]} list its conversations
   * @param {boolean} [isCode] whether only files and definitions are looked for
   */
  open(project, list, isCode = false) {
    this.#project = project;
    this.#field.value = '';
    this.#field.placeholder = isCode ? 'Go to a file or a definition' : 'Search';
    this.#field.setAttribute('aria-label', isCode ? 'File or definition' : 'Search conversations and code');
    this.#search.begin(list, isCode);
    this.append(this.#dialog);
    if (!this.#dialog.open) this.#dialog.showModal();
    this.#field.focus();
  }

  #closed() {
    this.#search.end();
    this.#dialog.remove();
  }

  /** @param {import('../search_state.js').SearchResults} found */
  #show(found) {
    const before = this.#options[this.#active]?.option;
    this.#options = [];
    const groups = [
      { name: found.typed.trim() ? 'Titles' : 'Recent', options: found.titles },
      { name: 'Files', options: found.files },
      { name: 'Definitions', options: found.symbols },
      { name: 'Notes', options: found.messages.filter(({ note }) => note) },
      { name: 'Messages', options: found.messages.filter(({ note }) => !note) },
    ].filter(({ options }) => options.length > 0);
    this.#list.replaceChildren(...groups.map(({ name, options }) => element('div', { role: 'group', 'aria-label': name },
      element('h2', { 'aria-hidden': 'true' }, name), ...options.map((option) => this.#node(option)))));
    this.#list.hidden = groups.length === 0;
    this.#field.setAttribute('aria-expanded', String(groups.length > 0));
    setText(this.#status, searchStatus(found));
    this.#status.classList.toggle('error', found.phase === 'failed');
    // The selection stays on the same result when more are found.
    const same = before ? this.#options.findIndex(({ option }) => isSame(option, before)) : 0;
    // By themselves, the best is the one to take.
    this.#select(found.isCode ? 0 : Math.max(same, 0));
  }

  /** @param {SearchOption} option */
  #node(option) {
    if ('path' in option) return this.#placeNode(option);
    const node = element('div', { role: 'option', id: `found-${this.#options.length}`, 'aria-selected': 'false' },
      element('span', { className: 'title' }, ...pieces(option.title)),
      element('time', { dateTime: option.at, title: fullTime(option.at) }, shortTime(option.at, new Date())));
    if (option.snippet && option.role) {
      node.append(element('span', { className: 'snippet' }, `${ROLES[option.role]}: `, ...pieces(option.snippet)));
    }
    this.#options.push({ option, node });
    return node;
  }

  /** A file or a definition, whose name is seen whole. @param {import('../code_api.js').CodePlace} option */
  #placeNode(option) {
    const { path, line, name, kind } = option;
    const dir = path.slice(0, path.lastIndexOf('/') + 1);
    const node = element('div', {
      role: 'option', id: `found-${this.#options.length}`, 'aria-selected': 'false', className: 'place', title: visibleText(formatReference({ path, line })),
    },
    element('span', { className: 'name' }, ...marked(name)),
    ...(kind ? [element('span', { className: 'kind' }, kind)] : []),
    element('span', { className: 'at' }, element('span', { className: 'dir' }, ...marked(kind ? dir : dir.replace(/\/$/, ''))),
      ...(kind ? [element('span', { className: 'file' }, ...marked(formatReference({ path: path.slice(dir.length), line })))] : [])));
    this.#options.push({ option, node });
    return node;
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (event.isComposing) return;
    const last = this.#options.length - 1;
    const at = {
      ArrowDown: this.#active < last ? this.#active + 1 : 0,
      ArrowUp: this.#active > 0 ? this.#active - 1 : last,
      PageDown: Math.min(last, this.#active + 5),
      PageUp: Math.max(0, this.#active - 5),
    }[event.key];
    if (at !== undefined && last >= 0) {
      event.preventDefault();
      this.#select(at);
      this.#options[at]?.node.scrollIntoView({ block: 'nearest' });
    } else if (event.key === 'Enter') {
      event.preventDefault();
      this.#open(this.#active, event.ctrlKey || event.metaKey);
    } else if (['k', 'p'].includes(event.key.toLowerCase()) && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      this.#dialog.close();
    }
  }

  /** @param {number} at */
  #select(at) {
    this.#options[this.#active]?.node.setAttribute('aria-selected', 'false');
    this.#active = at;
    const chosen = this.#options[at]?.node;
    chosen?.setAttribute('aria-selected', 'true');
    if (chosen) this.#field.setAttribute('aria-activedescendant', chosen.id);
    else this.#field.removeAttribute('aria-activedescendant');
  }

  /** @param {number} at @param {boolean} inNewTab */
  #open(at, inNewTab) {
    const option = this.#options[at]?.option;
    if (!option) return;
    if ('path' in option) {
      const reference = { path: option.path, line: option.line };
      if (inNewTab) {
        open(fileAddress(reference));
        return;
      }
      this.#dialog.close();
      this.dispatchEvent(new CustomEvent('open-file', { detail: { reference }, bubbles: true }));
      return;
    }
    if (inNewTab) {
      open(formatAddress(this.#project, option.conversation, option.turn));
      return;
    }
    this.#dialog.close();
    visitTurn(option.conversation, option.turn);
  }
}

/** @param {SearchOption} one @param {SearchOption} other */
function isSame(one, other) {
  if ('path' in one) return 'path' in other && one.path === other.path && one.line === other.line && one.name === other.name;
  return !('path' in other) && one.conversation === other.conversation && one.turn === other.turn && one.role === other.role;
}

/** Marked pieces of a text, as text. @param {import('../api.js').Piece[]} pieces */
const pieces = (pieces) => pieces.map(({ text, hit }) => (hit ? element('mark', {}, text) : text));

customElements.define('search-dialog', SearchDialog);
