/** The search dialog: finds conversations by title, messages, files and definitions; or the last two alone. */
import { formatAddress } from '../address.js';
import { searchMessages } from '../api.js';
import { findPlaces } from '../code_api.js';
import { SearchState, searchStatus } from '../search_state.js';
import { fullTime, shortTime } from '../dates.js';
import { visibleText } from '../invisible.js';
import { formatReference } from '../reference.js';
import { element, setChildren, setText } from './dom.js';
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
  /** @type {Map<string, HTMLElement>} by name */
  #groups = new Map();
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
    // Times that are told from now on grow old.
    this.#options = [];
    this.#dialog.remove();
  }

  /** @param {import('../search_state.js').SearchResults} found */
  #show(found) {
    const before = this.#options[this.#active]?.option;
    const shown = new Map(this.#options.map(({ option, node }) => [JSON.stringify(option), node]));
    this.#options = [];
    const groups = [
      { name: found.typed.trim() ? 'Titles' : 'Recent', options: found.titles },
      { name: 'Files', options: found.files },
      { name: 'Definitions', options: found.symbols },
      { name: 'Notes', options: found.messages.filter(({ note }) => note) },
      { name: 'Messages', options: found.messages.filter(({ note }) => !note) },
    ].filter(({ options }) => options.length > 0);
    setChildren(this.#list, groups.map(({ name, options }) => this.#group(name, options.map((option) => this.#add(option, shown)))));
    this.#list.hidden = groups.length === 0;
    this.#field.setAttribute('aria-expanded', String(groups.length > 0));
    setText(this.#status, searchStatus(found));
    this.#status.classList.toggle('error', found.phase === 'failed');
    // The selection stays on the same result when more are found.
    const same = before ? this.#options.findIndex(({ option }) => isSame(option, before)) : 0;
    // By themselves, the best is the one to take.
    this.#select(found.isCode ? 0 : Math.max(same, 0));
  }

  /** @param {string} name @param {HTMLElement[]} nodes */
  #group(name, nodes) {
    const group = this.#groups.get(name) ?? element('div', { role: 'group', 'aria-label': name });
    this.#groups.set(name, group);
    setChildren(group, [group.firstChild ?? element('h2', { 'aria-hidden': 'true' }, name), ...nodes]);
    return group;
  }

  /**
   * Takes the node that shows the same already: one that is pressed must not go when more is found.
   * @param {SearchOption} option @param {Map<string, HTMLElement>} shown nodes, each used once
   */
  #add(option, shown) {
    const key = JSON.stringify(option);
    const node = shown.get(key) ?? ('path' in option ? placeNode(option) : messageNode(option));
    shown.delete(key);
    node.id = `found-${this.#options.length}`;
    node.setAttribute('aria-selected', 'false');
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

/** @param {import('../search_state.js').SearchResult} option */
function messageNode(option) {
  const node = element('div', { role: 'option' },
    element('span', { className: 'title' }, ...pieces(option.title)),
    element('time', { dateTime: option.at, title: fullTime(option.at) }, shortTime(option.at, new Date())));
  if (option.snippet && option.role) {
    node.append(element('span', { className: 'snippet' }, `${ROLES[option.role]}: `, ...pieces(option.snippet)));
  }
  return node;
}

/** A file or a definition, whose name is seen whole. @param {import('../code_api.js').CodePlace} option */
function placeNode({ path, line, name, kind }) {
  const dir = path.slice(0, path.lastIndexOf('/') + 1);
  return element('div', { role: 'option', className: 'place', title: visibleText(formatReference({ path, line })) },
    element('span', { className: 'name' }, ...marked(name)),
    ...(kind ? [element('span', { className: 'kind' }, kind)] : []),
    element('span', { className: 'at' }, element('span', { className: 'dir' }, ...marked(kind ? dir : dir.replace(/\/$/, ''))),
      ...(kind ? [element('span', { className: 'file' }, ...marked(formatReference({ path: path.slice(dir.length), line })))] : [])));
}

/** @param {SearchOption} one @param {SearchOption} other */
function isSame(one, other) {
  if ('path' in one) return 'path' in other && one.path === other.path && one.line === other.line && one.name === other.name;
  return !('path' in other) && one.conversation === other.conversation && one.turn === other.turn && one.role === other.role;
}

/** Marked pieces of a text, as text. @param {import('../api.js').Piece[]} pieces */
const pieces = (pieces) => pieces.map(({ text, hit }) => (hit ? element('mark', {}, text) : text));

customElements.define('search-dialog', SearchDialog);
