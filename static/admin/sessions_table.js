/**
 * The table of sessions and their conversations, and a filter of its rows. Rows and unchanged cells
 * survive a refresh, and so do the focus and the selection.
 */
import { formatAddress } from '../address.js';
import { element, setText } from '../views/dom.js';
import { RovingFocus } from '../views/roving_focus.js';
import { COLUMNS, cells, filterText, fits, sessionText } from './format.js';

/**
 * @typedef {{node: HTMLTableRowElement, title: HTMLElement, cells: HTMLElement[], close: HTMLElement}} Row
 * @typedef {{body: HTMLElement, name: HTMLElement, state: HTMLElement, close: HTMLElement, closeCell: HTMLElement, rows: Map<number, Row>}} Group
 */

export class SessionsTable extends HTMLElement {
  /** @type {Map<string, Group>} */
  #groups = new Map();
  /** What was shown last, to be filtered anew. @type {[import('./format.js').Session[], number]} */
  #shown = [[], 0];
  #words = element('input', {
    type: 'search', id: 'session-words', autocomplete: 'off', oninput: () => this.update(...this.#shown),
    onkeydown: (/** @type {KeyboardEvent} */ event) => {
      if (event.key === 'ArrowDown' && this.#roving.focus()) event.preventDefault();
    },
  });
  #status = element('output', { className: 'note', 'aria-live': 'polite' });
  #table = element('table', { role: 'table' },
    element('caption', { className: 'visually-hidden' }, 'Live conversations by project'),
    element('thead', { role: 'rowgroup' }, element('tr', { role: 'row' },
      ...['Conversation', ...COLUMNS].map((name) => element('th', { scope: 'col', role: 'columnheader' }, name)),
      element('td', { role: 'cell' }))));

  #roving = new RovingFocus(this.#table, 'tr', { above: () => this.#words.focus() });

  connectedCallback() {
    if (this.#table.parentNode) return;
    this.append(element('p', { className: 'fields' },
      element('label', { for: 'session-words' }, 'Project, title, state or agent'), this.#words, this.#status), this.#table);
  }

  /** @param {import('./format.js').Session[]} sessions @param {number} now in milliseconds */
  update(sessions, now) {
    this.#shown = [sessions, now];
    const words = this.#words.value.trim();
    let before = /** @type {Element} */ (this.#table.tHead);
    const names = new Set();
    let left = 0;
    for (const session of sessions) {
      const { project, conversations } = session;
      const fitting = (conversations ?? []).filter((live) => fits(project, live, words));
      left += fitting.length;
      if (words && fitting.length === 0) continue;
      names.add(project);
      const group = this.#groupOf(project);
      if (before.nextElementSibling !== group.body) before.after(group.body);
      before = group.body;
      showCell(group.state, sessionText(session));
      // It closes those as well that are not shown.
      if (fitting.length < (conversations?.length ?? 0)) this.#remove(group.close);
      else if (!group.close.parentNode) group.closeCell.append(group.close);
      this.#updateRows({ ...session, conversations: fitting }, group, now);
    }
    setText(this.#status, filterText(left, sessions.flatMap(({ conversations }) => conversations ?? []).length, words));
    for (const [name, { body }] of this.#groups) {
      if (names.has(name)) continue;
      this.#remove(body);
      this.#groups.delete(name);
    }
    this.#roving.update();
  }

  /** @param {import('./format.js').Session} session @param {Group} group @param {number} now */
  #updateRows({ project, conversations }, group, now) {
    let before = /** @type {Element} */ (group.body.firstElementChild);
    for (const live of conversations ?? []) {
      const row = group.rows.get(live.conversation_id) ?? addRow(group, project, live.conversation_id);
      if (before.nextElementSibling !== row.node) before.after(row.node);
      before = row.node;
      const title = live.title?.trim() || 'No messages yet';
      setText(row.title, title);
      row.close.setAttribute('aria-label', `Close “${title}”`);
      row.close.dataset.title = title;
      for (const [index, cell] of cells(live, now).entries()) showCell(row.cells[index], cell);
    }
    const ids = new Set(conversations?.map((live) => live.conversation_id));
    for (const [id, { node }] of group.rows) {
      if (ids.has(id)) continue;
      this.#remove(node);
      group.rows.delete(id);
    }
  }

  /** @param {string} project */
  #groupOf(project) {
    const known = this.#groups.get(project);
    if (known) return known;
    const name = element('span', { className: 'name' }, project);
    const state = element('span', { className: 'note' });
    const close = element('button', {
      type: 'button', className: 'quiet', 'aria-label': `Close all of ${project}`,
      onclick: () => this.#close({ project, conversation: null, title: project }),
    }, 'Close all');
    const closeCell = element('td', { role: 'cell' }, close);
    const body = element('tbody', { role: 'rowgroup' }, element('tr', { role: 'row', className: 'project' },
      element('th', { role: 'rowheader', scope: 'rowgroup', colSpan: COLUMNS.length + 1 }, name, state), closeCell));
    body.addEventListener('click', (event) => {
      const button = /** @type {Element} */ (event.target).closest('button');
      if (!button?.dataset.conversation) return;
      this.#close({ project, conversation: Number(button.dataset.conversation), title: button.dataset.title ?? '' });
    });
    const group = { body, name, state, close, closeCell, rows: new Map() };
    this.#groups.set(project, group);
    return group;
  }

  /** Removes a row or its button, and tells if it had the focus. @param {HTMLElement} node */
  #remove(node) {
    const hadFocus = node.contains(document.activeElement);
    node.remove();
    if (hadFocus) this.dispatchEvent(new CustomEvent('focus-lost', { bubbles: true }));
  }

  /** @param {{project: string, conversation: number | null, title: string}} detail */
  #close(detail) {
    this.dispatchEvent(new CustomEvent('close-session', { detail, bubbles: true }));
  }
}

/** @param {Group} group @param {string} project @param {number} id @returns {Row} */
function addRow(group, project, id) {
  const title = element('a', { href: formatAddress(project, id) });
  const values = COLUMNS.map((name) => element('td', { role: 'cell', 'data-name': name }));
  const close = element('button', { type: 'button', className: 'quiet', 'data-conversation': String(id) }, 'Close');
  const node = element('tr', { role: 'row' }, element('th', { role: 'rowheader', scope: 'row' }, title), ...values,
    element('td', { role: 'cell' }, close));
  const row = { node, title, cells: values, close };
  group.rows.set(id, row);
  return row;
}

/** @param {HTMLElement} node @param {import('./format.js').Cell} cell */
function showCell(node, { text, isUrgent = false, title = '' }) {
  setText(node, text);
  node.classList.toggle('urgent', isUrgent);
  if (node.title !== title) node.title = title;
}

customElements.define('sessions-table', SessionsTable);
