/**
 * What this browser stores: drafts, unaccepted messages, asked questions, pane widths, the theme.
 * Storage may be off or full; then nothing is stored and nothing breaks.
 */
import { BASE } from './base_path.js';
import { parseDrafts, putDraft, takeDraft } from './drafts.js';

const MAX_OUTBOX = 50;
const MAX_HISTORY = 50;
/** Characters of a question that the history keeps. */
const MAX_HISTORY_LENGTH = 4000;

/** @param {() => Storage} storage @param {string} key @returns {string | null} */
function read(storage, key) {
  try {
    return storage().getItem(key);
  } catch {
    return null;
  }
}

/** @param {() => Storage} storage @param {string} key @param {string} value empty removes it */
function write(storage, key, value) {
  try {
    if (value) storage().setItem(key, value);
    else storage().removeItem(key);
  } catch {
    // Storage is off or full.
  }
}

/** @param {string | null} stored @returns {any[]} */
function list(stored) {
  try {
    const items = JSON.parse(stored ?? '[]');
    return Array.isArray(items) ? items : [];
  } catch {
    return [];
  }
}

const local = () => localStorage;
const session = () => sessionStorage;

/** @param {string} project @param {number | null} id */
const conversationKey = (project, id) => `${BASE}${project}/${id ?? 'new'}`;

/** The id of this tab, which survives a reload. */
const tab = read(session, 'tab') ?? `${Date.now().toString(36)}${Math.random().toString(36).slice(2)}`;
write(session, 'tab', tab);

/** Takes the unsent text of this tab, or of one that was closed. @param {string} project @param {number | null} id */
export function takeInput(project, id) {
  const key = `typed ${conversationKey(project, id)}`;
  const { typed, drafts } = takeDraft(parseDrafts(read(local, key)), tab);
  if (typed) write(local, key, JSON.stringify(drafts));
  return typed;
}

/** @param {string} project @param {number | null} id @param {import('./drafts.js').SavedInput | null} typed */
export function saveInput(project, id, typed) {
  const key = `typed ${conversationKey(project, id)}`;
  const drafts = putDraft(parseDrafts(read(local, key)), tab, typed);
  write(local, key, Object.keys(drafts).length ? JSON.stringify(drafts) : '');
}

/**
 * Messages of this tab that are not accepted yet, and those that a closed tab left. Each tab has its
 * own, so that two tabs do not send the same message.
 * @param {string} project @param {number | null} id
 * @returns {import('./protocol.js').AcceptedOnce[]}
 */
export function loadOutbox(project, id) {
  const left = list(read(local, `left ${conversationKey(project, id)}`));
  const own = list(read(session, `outbox ${conversationKey(project, id)}`));
  if (left.length === 0) return own.slice(0, MAX_OUTBOX);
  write(local, `left ${conversationKey(project, id)}`, '');
  const known = new Set(own.map((frame) => frame.message_id));
  const all = [...left.filter((frame) => !known.has(frame.message_id)), ...own].slice(0, MAX_OUTBOX);
  saveOutbox(project, id, all);
  return all;
}

/** @param {string} project @param {number | null} id @param {import('./protocol.js').AcceptedOnce[]} outbox */
export const saveOutbox = (project, id, outbox) => (
  write(session, `outbox ${conversationKey(project, id)}`, outbox.length ? JSON.stringify(outbox) : ''));

/** The width of a pane in pixels, 0 if it was never changed. @param {string} pane */
export const loadPaneWidth = (pane) => Number(read(local, `width ${pane}`)) || 0;

/** @param {string} pane @param {number} width in pixels, 0 removes it */
export const savePaneWidth = (pane, width) => write(local, `width ${pane}`, width ? String(width) : '');

/** Leaves the outbox of a page that is being closed to the next tab with the conversation. @param {string} project @param {number | null} id */
export function releaseOutbox(project, id) {
  const outbox = list(read(session, `outbox ${conversationKey(project, id)}`));
  if (outbox.length === 0) return;
  const known = new Set(outbox.map((frame) => frame.message_id));
  const others = list(read(local, `left ${conversationKey(project, id)}`)).filter((frame) => !known.has(frame.message_id));
  write(local, `left ${conversationKey(project, id)}`, JSON.stringify([...others, ...outbox].slice(-MAX_OUTBOX)));
}

/** Questions that this browser asked in the project, oldest first. @param {string} project @returns {string[]} */
export const loadHistory = (project) => list(read(local, `asked ${BASE}${project}`)).filter((text) => typeof text === 'string');

/** @param {string} project @param {string} question */
export function addToHistory(project, question) {
  if (question.length > MAX_HISTORY_LENGTH) return;
  const others = loadHistory(project).filter((text) => text !== question);
  write(local, `asked ${BASE}${project}`, JSON.stringify([...others, question].slice(-MAX_HISTORY)));
}

/** The key of what was seen. @param {string} project */
export const seenKey = (project) => `seen ${BASE}${project}`;

/** Conversations that this browser has shown. @param {string} project */
export const loadSeen = (project) => list(read(local, seenKey(project)));

/** @param {string} project @param {import('./live_list.js').Seen[]} seen */
export const saveSeen = (project, seen) => write(local, seenKey(project), JSON.stringify(seen));

/** Whether the person wants notifications. */
export const loadNotify = () => read(local, 'notify') === 'on';

/** @param {boolean} isOn */
export const saveNotify = (isOn) => write(local, 'notify', isOn ? 'on' : '');

export const loadProject = () => read(local, `project${BASE}`);

/** @param {string} project */
export const saveProject = (project) => write(local, `project${BASE}`, project);

/** @param {string} rail `folded`, or empty */
export const saveRail = (rail) => write(local, 'rail', rail);

/** @param {string} theme `light`, `dark`, or empty for that of the system */
export const saveTheme = (theme) => write(local, 'theme', theme);
