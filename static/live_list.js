/** The list of conversations as the server tells it: its changes, unread marks, answers that are ready. */
import * as storage from './storage.js';

/** Milliseconds in which another tab may show an answer before a notification tells of it. */
const NOTICE_DELAY = 700;

/** Conversations that a browser remembers. */
const MAX_SEEN = 300;

/**
 * @typedef {import('./api.js').ConversationSummary & {answering?: boolean, unread?: boolean}} ListedConversation
 * @typedef {{id: number, count: number, busy: boolean, asked: boolean}} Seen `count` are the messages that were
 *   shown last; `busy`: an answer was being written then; `asked`: this browser asked in the conversation
 */

/** @param {any[]} stored @returns {Seen[]} */
export const parseSeen = (stored) => stored.filter((one) => (
  Number.isInteger(one?.id) && Number.isInteger(one.count))).map(({ id, count, busy, asked }) => ({ id, count, busy: busy === true, asked: asked === true }));

/** Notes that a conversation is on the screen. @param {Seen[]} seen @param {ListedConversation} row @returns {Seen[]} */
export function markShown(seen, { id, message_count: count, answering = false }) {
  const before = seen.find((one) => one.id === id);
  if (before && before.count === count && before.busy === answering) return seen;
  return put(seen, { id, count, busy: answering, asked: before?.asked ?? false });
}

/** Notes that this browser has asked something. @param {Seen[]} seen @param {number} id @returns {Seen[]} */
export function markAsked(seen, id) {
  const before = seen.find((one) => one.id === id);
  return before?.asked ? seen : put(seen, { ...(before ?? { id, count: 0, busy: false }), asked: true });
}

/** @param {Seen[]} seen @param {Seen} one */
const put = (seen, one) => [...seen.filter(({ id }) => id !== one.id), one].slice(-MAX_SEEN);

/** The rows with their marks. @param {ListedConversation[]} rows @param {Seen[]} seen @returns {ListedConversation[]} */
export function withUnread(rows, seen) {
  const known = new Map(seen.map((one) => [one.id, one]));
  return rows.map((row) => {
    const shown = known.get(row.id);
    const unread = shown !== undefined && !row.answering && (row.message_count > shown.count || shown.busy);
    return unread === (row.unread ?? false) ? row : { ...row, unread };
  });
}

/** The conversations with an unread answer to a question of this browser. @param {ListedConversation[]} rows @param {Seen[]} seen */
export function answered(rows, seen) {
  const asked = new Set(seen.filter((one) => one.asked).map(({ id }) => id));
  return rows.filter((row) => row.unread && asked.has(row.id));
}

/**
 * The list after changes, the latest first.
 * @param {ListedConversation[]} list @param {string} project @param {import('./protocol.js').ListChange[]} changes
 * @returns {ListedConversation[]}
 */
export function applyChanges(list, project, changes) {
  const changed = new Map(changes.map((change) => [change.id, change]));
  const rows = list.filter(({ id }) => !changed.has(id));
  for (const { conversation, answering } of changed.values()) {
    if (conversation) rows.push({ ...conversation, project_name: project, answering });
  }
  return rows.sort((a, b) => (a.updated_at < b.updated_at ? 1 : a.updated_at > b.updated_at ? -1 : b.id - a.id));
}

/** The title of the tab. @param {string} title @param {number} count of answers that are ready */
export const titleWithCount = (title, count) => (count > 0 ? `(${count}) ${title}` : title);

export class LiveList {
  /** The position in the changes of the project's list, for the next connection. */
  position = '';
  /** Reads the whole list. */
  onReset = () => {};
  /** Opens a conversation that a notification told of. @type {(id: number) => void} */
  onPick = () => {};
  #project = '';
  /** @type {Set<number>} */
  #answering = new Set();
  /** Changes that came while the list is being read; it may be older. @type {import('./protocol.js').ListChange[] | null} */
  #meanwhile = null;
  /** The conversations with an unread answer, as they are shown. @type {number[]} */
  #ready = [];
  /** The title without the count, and with it. */
  #title = { plain: '', shown: '' };
  /** @type {import('./live_list.js').Seen[]} */
  #seen = [];

  /** @param {import('./page.js').Page} page @param {import('./conversation_actions.js').ConversationActions} actions */
  constructor(page, actions) {
    this.page = page;
    this.actions = actions;
    actions.withMarks = (list) => this.#withMarks(list);
    // Another tab has shown something.
    addEventListener('storage', ({ key }) => key === storage.seenKey(this.#project) && this.refresh());
    document.addEventListener('visibilitychange', () => this.refresh());
  }

  /** Goes to another project, whose changes are not known yet. @param {string} project */
  open(project) {
    if (project === this.#project) return this.refresh();
    this.#project = project;
    this.position = '';
    this.#answering.clear();
    this.#meanwhile = null;
    this.actions.received = [];
    this.#ready = [];
    this.#load();
  }

  /** Reads the whole list, and applies what changes meanwhile. @param {() => Promise<import('./api.js').ConversationSummary[]>} load */
  async read(load) {
    /** @type {import('./protocol.js').ListChange[]} */
    const meanwhile = [];
    this.#meanwhile = meanwhile;
    const list = await load().catch(() => null);
    // Another project was opened, or the list is being read again.
    if (this.#meanwhile !== meanwhile) return;
    this.#meanwhile = null;
    // The old list stays, and is read with the next connection.
    if (list === null) {
      this.position = '';
      return;
    }
    const rows = list.map((row) => ({ ...row, answering: this.#answering.has(row.id) }));
    this.#show(applyChanges(rows, this.#project, meanwhile));
  }

  /** @param {import('./protocol.js').ListFrame} frame */
  receive({ at, reset, answering = [], changes = [] }) {
    this.position = at;
    if (reset) {
      this.#answering = new Set(answering);
      this.onReset();
      return;
    }
    for (const change of changes) {
      if (change.answering) this.#answering.add(change.id);
      else this.#answering.delete(change.id);
    }
    this.#meanwhile?.push(...changes);
    if (this.page.state.list === null || changes.length === 0) return;
    const before = new Set(this.#answered());
    this.#show(applyChanges(this.actions.received, this.#project, changes));
    for (const id of this.#ready) {
      if (!before.has(id)) this.#tell(id, changes.find((change) => change.id === id)?.ended?.excerpt ?? '');
    }
  }

  /** A question of this browser was accepted. */
  asked() {
    const id = this.page.state.conversation?.id;
    if (typeof id !== 'number') return;
    this.#save(markAsked(this.#seen, id));
    this.#ready = this.#answered();
  }

  /** Notes what is on the screen, and shows the marks. */
  refresh() {
    if (this.page.state.list !== null) this.#show(this.actions.received);
  }

  /** Shows in the tab's title how many answers are ready. */
  showTitle() {
    if (document.title !== this.#title.shown) this.#title.plain = document.title;
    this.#title.shown = titleWithCount(this.#title.plain, this.#ready.length);
    if (document.title !== this.#title.shown) document.title = this.#title.shown;
  }

  /** @param {import('./live_list.js').ListedConversation[]} rows */
  #show(rows) {
    this.actions.received = rows;
    this.#load();
    this.#look();
    this.#ready = this.#answered();
    this.actions.showAgain();
    this.showTitle();
  }

  /** The open conversation counts as seen while the page is. */
  #look() {
    const id = this.page.state.conversation?.id;
    const row = this.actions.received.find((listed) => listed.id === id);
    if (row && document.visibilityState === 'visible') this.#save(markShown(this.#seen, row));
  }

  /** @param {import('./live_list.js').ListedConversation[]} list */
  #withMarks(list) {
    return withUnread(list, this.#seen);
  }

  #answered() {
    return answered(this.#withMarks(this.actions.received), this.#seen).map(({ id }) => id);
  }

  /** @param {number} id @param {string} excerpt */
  #tell(id, excerpt) {
    if (!storage.loadNotify()) return;
    const project = this.#project;
    setTimeout(() => {
      this.#load();
      const row = this.actions.received.find((listed) => listed.id === id);
      if (!row || project !== this.#project || !this.#answered().includes(id)) return;
      import('./notifications.js').then(({ notify }) => (
        notify(project, row, excerpt, () => this.onPick(id))), () => null);
    }, NOTICE_DELAY);
  }

  #load() {
    this.#seen = parseSeen(storage.loadSeen(this.#project));
  }

  /** @param {import('./live_list.js').Seen[]} seen */
  #save(seen) {
    if (seen === this.#seen) return;
    this.#seen = seen;
    storage.saveSeen(this.#project, seen);
  }
}
