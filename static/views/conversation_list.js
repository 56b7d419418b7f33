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
import { RovingFocus } from './roving_focus.js';

/** @typedef {{node: HTMLLIElement, link: HTMLAnchorElement, title: HTMLElement, time: HTMLElement, mark: HTMLElement, more: HTMLElement, shown: string}} Row `shown` is a digest of its content */

export class ConversationList extends HTMLElement {
  /** @type {Map<number, Row>} */
  #rows = new Map();
  /** @type {Map<string, {heading: HTMLElement, items: HTMLUListElement}>} */
  #days = new Map();
  #empty = element('p', { className: 'empty', hidden: true }, 'Your conversations are listed here.');
  /** @type {string | null} */
  #project = null;
  /** Conversations of this person, who decides who may read them. @type {Set<number>} */
  #own = new Set();
  #roving = new RovingFocus(this, 'li', { controls: ':scope > :is(a, .more)' });

  connectedCallback() {
    if (!this.#empty.parentNode) this.append(this.#empty);
    this.addEventListener('click', (event) => this.#follow(event));
  }

  /**
   * @param {string | null} project @param {import('../live_list.js').ListedConversation[] | null} list `null` while it is not known
   * @param {string | null} [user] name of the person, if the server knows it
   * @param {Date} [now]
   */
  update(project, list, user = null, now = new Date()) {
    if (project !== this.#project) this.#clear(project);
    this.#own = new Set(list?.filter(({ owner }) => user !== null && owner === user).map(({ id }) => id));
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
      this.#roving.leave(row.node);
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
    this.#roving.update();
  }

  /** Goes to the row that the Tab key reaches. Returns whether there is one. */
  focusRow() {
    return this.#roving.focus();
  }

  /** Marks the open conversation. @param {number | null} id */
  mark(id) {
    for (const [of, { link }] of this.#rows) {
      if (of === id) link.setAttribute('aria-current', 'page');
      else if (link.hasAttribute('aria-current')) link.removeAttribute('aria-current');
    }
    if (!this.contains(document.activeElement)) this.#roving.choose(this.#rows.get(id ?? -1)?.link ?? null);
  }

  /** @param {string | null} project */
  #clear(project) {
    this.#project = project;
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
    const link = element('a', { href: formatAddress(this.#project, id), 'data-id': String(id) }, mark, title, time);
    const more = actionsButton(() => ({ project: this.#project ?? '', id, title: title.textContent ?? '', host: link, mayShare: this.#own.has(id) }));
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
