/**
 * The conversations of a project by day, newest first. Unchanged rows are not touched. The list is one stop
 * of the Tab key: arrows, Home and End go from row to row, → and ← to the actions of a row and back.
 */
import { formatAddress } from '../address.js';
import { dayHeading, fullTime, shortTime } from '../dates.js';
import { visibleText } from '../invisible.js';
import { actionsButton } from './actions_menu.js';
import { element, isPlainClick, setText } from './dom.js';
import { setMarkedText } from './invisible_marks.js';

/** @typedef {{node: HTMLLIElement, link: HTMLAnchorElement, title: HTMLElement, time: HTMLElement, mark: HTMLElement, more: HTMLElement, shown: string}} Row `shown` is a digest of its content */

export class ConversationList extends HTMLElement {
  /** @type {Map<number, Row>} */
  #rows = new Map();
  /** @type {Map<string, {heading: HTMLElement, items: HTMLUListElement}>} */
  #days = new Map();
  #empty = element('p', { className: 'empty', hidden: true }, 'Your conversations are listed here.');
  /** @type {string | null} */
  #project = null;
  /** The conversation whose row the Tab key reaches. @type {number | null} */
  #stop = null;

  connectedCallback() {
    if (!this.#empty.parentNode) this.append(this.#empty);
    this.addEventListener('click', (event) => this.#follow(event));
    this.addEventListener('keydown', (event) => this.#key(event));
    this.addEventListener('focusin', ({ target }) => this.#setStop(this.#idOf(target)));
  }

  /**
   * @param {string | null} project @param {import('../live_list.js').ListedConversation[] | null} list `null` while it is not known
   * @param {Date} [now]
   */
  update(project, list, now = new Date()) {
    if (project !== this.#project) this.#clear(project);
    this.#empty.hidden = list === null || list.length > 0;
    /** @type {Map<string, import('../live_list.js').ListedConversation[]>} */
    const days = new Map();
    for (const listed of list ?? []) {
      const heading = dayHeading(listed.updated_at, now);
      const items = days.get(heading);
      if (items) items.push(listed);
      else days.set(heading, [listed]);
    }
    const ids = new Set(list?.map((listed) => listed.id));
    for (const [id, row] of this.#rows) {
      if (ids.has(id)) continue;
      // The focus does not fall out of the list.
      if (row.node.contains(document.activeElement)) this.#step(row.link, 1) || this.#step(row.link, -1);
      row.node.remove();
      this.#rows.delete(id);
    }
    /** @type {Element} */
    let before = this.#empty;
    for (const [heading, items] of days) {
      const shown = this.#dayOf(heading);
      if (before.nextElementSibling !== shown.heading) before.after(shown.heading, shown.items);
      before = shown.items;
      for (const [index, listed] of items.entries()) placeRow(shown.items, this.#rowOf(listed, now).node, index);
    }
    for (const [name, { heading, items }] of this.#days) {
      if (days.has(name)) continue;
      heading.remove();
      items.remove();
      this.#days.delete(name);
    }
    if (this.#stop === null || !this.#rows.has(this.#stop)) this.#setStop(this.#idOf(this.querySelector('li a')));
  }

  /** Goes to the row that the Tab key reaches. Returns whether there is one. */
  focusRow() {
    const row = this.#rows.get(this.#stop ?? -1);
    row?.link.focus();
    return row !== undefined;
  }

  /** Marks the open conversation. @param {number | null} id */
  mark(id) {
    for (const [of, { link }] of this.#rows) {
      if (of === id) link.setAttribute('aria-current', 'page');
      else if (link.hasAttribute('aria-current')) link.removeAttribute('aria-current');
    }
    if (!this.contains(document.activeElement)) this.#setStop(id);
  }

  /** @param {number | null} id */
  #setStop(id) {
    const row = this.#rows.get(id ?? -1);
    if (!row || id === this.#stop) return;
    const before = this.#rows.get(this.#stop ?? -1);
    if (before) before.link.tabIndex = -1;
    row.link.tabIndex = 0;
    this.#stop = id;
  }

  /** @param {EventTarget | null} target */
  #idOf(target) {
    const id = /** @type {HTMLElement | null} */ (/** @type {Element | null} */ (target)?.closest('li')?.querySelector('a'))?.dataset.id;
    return id === undefined ? null : Number(id);
  }

  /** Goes on from a row. Returns whether there is another one. @param {HTMLElement} from @param {number} steps */
  #step(from, steps) {
    const links = /** @type {HTMLElement[]} */ ([...this.querySelectorAll('li a')]);
    const to = links[Math.max(0, Math.min(links.indexOf(from) + steps, links.length - 1))];
    if (!to || to === from) return false;
    to.focus();
    return true;
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
    const row = this.#rows.get(this.#idOf(event.target) ?? -1);
    if (!row || (event.target !== row.link && event.target !== row.more)) return;
    switch (event.key) {
      case 'ArrowDown': this.#step(row.link, 1); break;
      case 'ArrowUp': this.#step(row.link, -1); break;
      case 'Home': this.#step(row.link, -Infinity); break;
      case 'End': this.#step(row.link, Infinity); break;
      case 'ArrowRight': row.more.focus(); break;
      case 'ArrowLeft': row.link.focus(); break;
      default: return;
    }
    event.preventDefault();
  }

  /** @param {string | null} project */
  #clear(project) {
    this.#project = project;
    this.#stop = null;
    this.#rows.clear();
    this.#days.clear();
    this.replaceChildren(this.#empty);
  }

  /** @param {string} name */
  #dayOf(name) {
    const known = this.#days.get(name);
    if (known) return known;
    const made = { heading: element('h2', {}, name), items: element('ul') };
    this.#days.set(name, made);
    return made;
  }

  /** @param {import('../live_list.js').ListedConversation} listed @param {Date} now */
  #rowOf(listed, now) {
    const row = this.#rows.get(listed.id) ?? this.#makeRow(listed.id);
    const title = listed.title?.trim() || 'No messages yet';
    const shown = `${title}|${listed.updated_at}|${listed.message_count}|${now.toDateString()}|${listed.answering}|${listed.unread}|${listed.visibility}`;
    if (row.shown === shown) return row;
    row.shown = shown;
    const messages = listed.message_count === 1 ? '1 message' : `${listed.message_count} messages`;
    setMarkedText(row.title, title, 'prose');
    setText(row.time, listed.answering ? 'answering…' : `${listed.visibility === 'private' ? 'private · ' : ''}${shortTime(listed.updated_at, now)} · ${messages}`);
    row.node.toggleAttribute('data-answering', listed.answering ?? false);
    row.node.toggleAttribute('data-unread', listed.unread ?? false);
    row.mark.hidden = !listed.unread;
    row.link.title = `${visibleText(title, 'prose')}\n${fullTime(listed.updated_at)}`;
    row.more.setAttribute('aria-label', `Actions for “${visibleText(title, 'prose')}”`);
    return row;
  }

  /** @param {number} id @returns {Row} */
  #makeRow(id) {
    const title = element('span', { className: 'title' });
    const time = element('span', { className: 'time' });
    const mark = element('span', { className: 'visually-hidden', hidden: true }, 'New answer: ');
    const link = element('a', { href: formatAddress(this.#project, id), 'data-id': String(id), tabIndex: -1 }, mark, title, time);
    const more = actionsButton(() => ({ project: this.#project ?? '', id, title: title.textContent ?? '', host: link }));
    more.tabIndex = -1;
    const row = { node: element('li', {}, link, more), link, title, time, mark, more, shown: '' };
    this.#rows.set(id, row);
    return row;
  }

  /** Opens a conversation in place, unless the click asks for a new tab. @param {MouseEvent} event */
  #follow(event) {
    const link = /** @type {Element} */ (event.target).closest('a');
    if (!link?.dataset.id || !isPlainClick(event)) return;
    event.preventDefault();
    this.dispatchEvent(new CustomEvent('pick-conversation', { detail: Number(link.dataset.id), bubbles: true }));
  }
}

/** Moves a row to an index without taking the focus from it. @param {HTMLElement} list @param {HTMLElement} row @param {number} index */
function placeRow(list, row, index) {
  const there = list.children[index] ?? null;
  if (there === row) return;
  if (row.isConnected && 'moveBefore' in list) /** @type {any} */ (list).moveBefore(row, there);
  else list.insertBefore(row, there);
}

customElements.define('conversation-list', ConversationList);
