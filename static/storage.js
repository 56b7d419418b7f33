/**
 * What this browser keeps: drafts, messages that were not accepted yet, what was asked, and the
 * theme. Every access may fail (storage off, storage full), and then nothing is kept and nothing
 * breaks.
 */
import { parseDrafts, putDraft, takeDraft } from './drafts.js';

const LONGEST_OUTBOX = 50;
const MOST_ASKED = 50;
const LONGEST_ASKED = 4000;

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
    // Nothing is kept, which the person is no worse off for than without this module.
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
const name = (project, id) => `${project}/${id ?? 'new'}`;

/** This tab, also after a reload. */
const tab = read(session, 'tab') ?? `${Date.now().toString(36)}${Math.random().toString(36).slice(2)}`;
write(session, 'tab', tab);

/** What was typed here, or in a tab that was closed. @param {string} project @param {number | null} id */
export function takeInput(project, id) {
  const key = `typed ${name(project, id)}`;
  const { typed, drafts } = takeDraft(parseDrafts(read(local, key)), tab);
  if (typed) write(local, key, JSON.stringify(drafts));
  return typed;
}

/** @param {string} project @param {number | null} id @param {import('./drafts.js').SavedInput | null} typed */
export function saveInput(project, id, typed) {
  const key = `typed ${name(project, id)}`;
  const drafts = putDraft(parseDrafts(read(local, key)), tab, typed);
  write(local, key, Object.keys(drafts).length ? JSON.stringify(drafts) : '');
}

/**
 * Per tab, so that two tabs do not send the same message; with what a closed tab could not send.
 * @param {string} project @param {number | null} id
 * @returns {import('./protocol.js').AcceptedOnce[]}
 */
export function loadOutbox(project, id) {
  const left = list(read(local, `left ${name(project, id)}`));
  const own = list(read(session, `outbox ${name(project, id)}`));
  if (left.length === 0) return own.slice(0, LONGEST_OUTBOX);
  write(local, `left ${name(project, id)}`, '');
  const known = new Set(own.map((frame) => frame.message_id));
  const all = [...left.filter((frame) => !known.has(frame.message_id)), ...own].slice(0, LONGEST_OUTBOX);
  saveOutbox(project, id, all);
  return all;
}

/** @param {string} project @param {number | null} id @param {import('./protocol.js').AcceptedOnce[]} outbox */
export const saveOutbox = (project, id, outbox) => (
  write(session, `outbox ${name(project, id)}`, outbox.length ? JSON.stringify(outbox) : ''));

/** How wide a pane was made, in pixels; 0 where it was not. @param {string} pane */
export const loadPaneWidth = (pane) => Number(read(local, `width ${pane}`)) || 0;

/** @param {string} pane @param {number} width 0 forgets it */
export const savePaneWidth = (pane, width) => write(local, `width ${pane}`, width ? String(width) : '');
/** The page goes, perhaps for good: who opens the conversation next sends what waits. @param {string} project @param {number | null} id */
export function releaseOutbox(project, id) {
  const outbox = list(read(session, `outbox ${name(project, id)}`));
  if (outbox.length === 0) return;
  const known = new Set(outbox.map((frame) => frame.message_id));
  const others = list(read(local, `left ${name(project, id)}`)).filter((frame) => !known.has(frame.message_id));
  write(local, `left ${name(project, id)}`, JSON.stringify([...others, ...outbox].slice(-LONGEST_OUTBOX)));
}

/** What this browser asked in the project, the oldest first. @param {string} project @returns {string[]} */
export const loadHistory = (project) => list(read(local, `asked ${project}`)).filter((text) => typeof text === 'string');

/** @param {string} project @param {string} question */
export function addToHistory(project, question) {
  if (question.length > LONGEST_ASKED) return;
  const others = loadHistory(project).filter((text) => text !== question);
  write(local, `asked ${project}`, JSON.stringify([...others, question].slice(-MOST_ASKED)));
}

export const loadProject = () => read(local, 'project');

/** @param {string} project */
export const saveProject = (project) => write(local, 'project', project);

/** @param {string} theme `light`, `dark` or empty for the system's */
export const saveTheme = (theme) => write(local, 'theme', theme);
