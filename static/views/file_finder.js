/** The files that `@` finds: a list above the field, worked from the field's own keys. */
import { findFiles } from '../api.js';
import { mentionAt, replaceMention } from '../mention.js';
import { element } from './dom.js';

/** How long after a letter the server is asked, in milliseconds. */
const DELAY = 80;
/** The server looks for no more. */
const LONGEST_QUERY = 100;

export class FileFinder extends HTMLElement {
  /** @type {HTMLTextAreaElement | null} */
  #field = null;
  /** @type {import('../mention.js').Mention | null} */
  #mention = null;
  /** Where a mention begins that is to be left alone. */
  #dismissed = -1;
  /** @type {string[]} */
  #paths = [];
  #at = 0;
  /** Counts the questions: only the answer to the last one counts. */
  #asked = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  #list = element('ul', { id: 'found-files', role: 'listbox', 'aria-label': 'Files' });
  #none = element('p', { className: 'note' }, 'No file has these letters in its path.');

  project = '';

  /** Called with what was typed, once a file is taken. @type {() => void} */
  onTaken = () => {};

  connectedCallback() {
    if (this.#list.parentNode) return;
    this.hidden = true;
    this.append(this.#list, this.#none);
    // The field keeps the focus, and a phone its keyboard.
    this.addEventListener('pointerdown', (event) => event.preventDefault());
    this.addEventListener('mousedown', (event) => event.preventDefault());
    this.#list.addEventListener('click', (event) => {
      const option = /** @type {Element} */ (event.target).closest('li');
      if (option) this.#take([...this.#list.children].indexOf(option));
    });
  }

  /** @param {HTMLTextAreaElement} field */
  attach(field) {
    this.#field = field;
    field.addEventListener('blur', () => this.close());
    field.addEventListener('click', () => this.look());
  }

  get isOpen() {
    return !this.hidden;
  }

  /** Looks at what stands before the caret. */
  look() {
    const field = this.#field;
    if (!field) return;
    const isCaret = field.selectionStart === field.selectionEnd;
    const mention = isCaret ? mentionAt(field.value, field.selectionStart) : null;
    if (mention?.start !== this.#dismissed) this.#dismissed = -1;
    if (!mention || this.#dismissed >= 0 || !this.project || mention.query.length > LONGEST_QUERY) {
      this.close();
      return;
    }
    this.#mention = mention;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#ask(mention.query), DELAY);
  }

  async #ask(/** @type {string} */ query) {
    this.#asked += 1;
    const asked = this.#asked;
    const found = await findFiles(this.project, query).catch(() => null);
    if (asked !== this.#asked || !this.#mention) return;
    if (found) this.#show(found.files.map((file) => file.path));
    else this.close();
  }

  /** @param {string[]} paths */
  #show(paths) {
    this.#paths = paths;
    this.#list.replaceChildren(...paths.map((path, index) => {
      const cut = path.lastIndexOf('/') + 1;
      return element('li', { id: `found-file-${index}`, role: 'option', title: path },
        element('span', { className: 'directory' }, path.slice(0, cut)), element('span', {}, path.slice(cut)));
    }));
    this.#none.hidden = paths.length > 0;
    this.#list.hidden = paths.length === 0;
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

  /** Takes a key that is meant for the list, and says whether it was. @param {KeyboardEvent} event */
  key(event) {
    if (!this.isOpen || event.ctrlKey || event.metaKey || event.altKey) return false;
    const count = this.#paths.length;
    if (event.key === 'Escape') {
      this.#dismissed = this.#mention?.start ?? -1;
      this.close();
      return true;
    }
    if (count === 0) return false;
    if (event.key === 'ArrowDown') this.#choose((this.#at + 1) % count);
    else if (event.key === 'ArrowUp') this.#choose((this.#at + count - 1) % count);
    else if ((event.key === 'Enter' || event.key === 'Tab') && !event.shiftKey) this.#take(this.#at);
    else return false;
    return true;
  }

  /** @param {number} at */
  #take(at) {
    const field = this.#field;
    const path = this.#paths[at];
    if (!field || !this.#mention || path === undefined) return;
    const { text, caret } = replaceMention(field.value, this.#mention, path);
    field.value = text;
    field.setSelectionRange(caret, caret);
    this.close();
    this.onTaken();
  }

  close() {
    clearTimeout(this.#timer);
    this.#asked += 1;
    this.#mention = null;
    if (this.hidden) return;
    this.hidden = true;
    for (const name of ['aria-autocomplete', 'aria-haspopup', 'aria-controls', 'aria-activedescendant']) {
      this.#field?.removeAttribute(name);
    }
  }
}

customElements.define('file-finder', FileFinder);
