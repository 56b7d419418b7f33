/**
 * Which conversations have an answer that this browser has not shown. Pure: `seen` is what the browser
 * stores, the conversation shown last at the end.
 */

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
