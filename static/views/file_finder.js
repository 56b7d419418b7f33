/** The list of files, or after `@#` of definitions, that match a mention, operated by the keys of the question field. */
import { findFiles } from '../api.js';
import { findSymbols } from '../code_api.js';
import { visibleText } from '../invisible.js';
import { formatReference } from '../reference.js';
import { mentionAt, replaceMention } from '../mention.js';
import { element } from './dom.js';
import { marked } from './invisible_marks.js';

/** Milliseconds without typing before the server is asked. */
const DELAY = 80;
/** Characters that the server accepts in a query. */
const MAX_QUERY = 100;

export class FileFinder extends HTMLElement {
  /** @type {HTMLTextAreaElement | null} */
  #field = null;
  /** @type {import('../mention.js').Mention | null} */
  #mention = null;
  /** Start of a mention whose list was closed with Escape, else -1. */
  #dismissed = -1;
  /** What is offered, and what it stands for in the question. @type {{dir: string, name: string, title: string, text: string}[]} */
  #offers = [];
  #at = 0;
  /** Counts requests: only the response to the newest one is shown. */
  #requests = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  #list = element('ul', { id: 'found-files', role: 'listbox', 'aria-label': 'Files' });
  #none = element('p', { className: 'note' }, 'No file matches these letters.');

  project = '';

  /** Called after a path was inserted into the field. @type {() => void} */
  onInserted = () => {};

  connectedCallback() {
    if (this.#list.parentNode) return;
    this.hidden = true;
    this.append(this.#list, this.#none);
    // The field keeps the focus, and a phone keeps its keyboard open.
    this.addEventListener('pointerdown', (event) => event.preventDefault());
    this.addEventListener('mousedown', (event) => event.preventDefault());
    this.#list.addEventListener('click', (event) => {
      const option = /** @type {Element} */ (event.target).closest('li');
      if (option) this.#insert([...this.#list.children].indexOf(option));
    });
  }

  /** @param {HTMLTextAreaElement} field */
  attach(field) {
    this.#field = field;
    field.addEventListener('blur', () => this.close());
    field.addEventListener('click', () => this.update());
  }

  get isOpen() {
    return !this.hidden;
  }

  /** Looks for a mention before the caret. */
  update() {
    const field = this.#field;
    if (!field) return;
    const isCaret = field.selectionStart === field.selectionEnd;
    const mention = isCaret ? mentionAt(field.value, field.selectionStart) : null;
    if (mention?.start !== this.#dismissed) this.#dismissed = -1;
    if (!mention || this.#dismissed >= 0 || !this.project || mention.query.length > MAX_QUERY) {
      this.close();
      return;
    }
    this.#mention = mention;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#request(mention.query), DELAY);
  }

  async #request(/** @type {string} */ query) {
    this.#requests += 1;
    const request = this.#requests;
    const isSymbol = query.startsWith('#');
    const found = await (isSymbol ? offerSymbols(this.project, query.slice(1)) : offerFiles(this.project, query)).catch(() => null);
    if (request !== this.#requests || !this.#mention) return;
    this.#none.textContent = `No ${isSymbol ? 'definition' : 'file'} matches these letters.`;
    if (found) this.#show(found);
    else this.close();
  }

  /** @param {{dir: string, name: string, title: string, text: string}[]} offers */
  #show(offers) {
    this.#offers = offers;
    this.#list.replaceChildren(...offers.map(({ dir, name, title }, index) => (
      element('li', { id: `found-file-${index}`, role: 'option', title: visibleText(title) },
        element('span', { className: 'directory' }, ...marked(dir)), element('span', { className: 'name' }, ...marked(name))))));
    this.#none.hidden = offers.length > 0;
    this.#list.hidden = offers.length === 0;
    this.hidden = false;
    this.#field?.setAttribute('aria-autocomplete', 'list');
    this.#field?.setAttribute('aria-haspopup', 'listbox');
    this.#field?.setAttribute('aria-controls', this.#list.id);
    this.#list.scrollTop = 0;
    this.#choose(0);
  }

  /** @param {number} at */
  #choose(at) {
    this.#at = at;
    for (const [index, option] of [...this.#list.children].entries()) {
      option.setAttribute('aria-selected', String(index === at));
    }
    const chosen = this.#list.children[at];
    chosen?.scrollIntoView({ block: 'nearest' });
    if (chosen) this.#field?.setAttribute('aria-activedescendant', chosen.id);
    else this.#field?.removeAttribute('aria-activedescendant');
  }

  /** Handles a key for the list. Returns whether it was one. @param {KeyboardEvent} event */
  key(event) {
    if (!this.isOpen || event.ctrlKey || event.metaKey || event.altKey) return false;
    const count = this.#offers.length;
    if (event.key === 'Escape') {
      this.#dismissed = this.#mention?.start ?? -1;
      this.close();
      return true;
    }
    if (count === 0) return false;
    if (event.key === 'ArrowDown') this.#choose((this.#at + 1) % count);
    else if (event.key === 'ArrowUp') this.#choose((this.#at + count - 1) % count);
    else if ((event.key === 'Enter' || event.key === 'Tab') && !event.shiftKey) this.#insert(this.#at);
    else return false;
    return true;
  }

  /** @param {number} at */
  #insert(at) {
    const field = this.#field;
    const offer = this.#offers[at];
    if (!field || !this.#mention || !offer) return;
    const { text, caret } = replaceMention(field.value, this.#mention, offer.text);
    field.value = text;
    field.setSelectionRange(caret, caret);
    this.close();
    this.onInserted();
  }

  close() {
    clearTimeout(this.#timer);
    this.#requests += 1;
    this.#mention = null;
    if (this.hidden) return;
    this.hidden = true;
    for (const name of ['aria-autocomplete', 'aria-haspopup', 'aria-controls', 'aria-activedescendant']) {
      this.#field?.removeAttribute(name);
    }
  }
}

/** @param {string} project @param {string} letters */
async function offerFiles(project, letters) {
  const { files } = await findFiles(project, letters);
  return files.map(({ path }) => {
    const cut = path.lastIndexOf('/') + 1;
    return { dir: path.slice(0, cut), name: path.slice(cut), title: path, text: path };
  });
}

/** @param {string} project @param {string} letters */
async function offerSymbols(project, letters) {
  const { symbols } = await findSymbols(project, letters, 12);
  return symbols.map(({ name, path, line }) => {
    const place = formatReference({ path, line });
    return { dir: `${place} `, name, title: `${name}, ${place}`, text: `${name} (${place})` };
  });
}

customElements.define('file-finder', FileFinder);
