/**
 * What this browser keeps: drafts, messages that were not accepted yet, and the theme. Every
 * access may fail (storage off, storage full), and then nothing is kept and nothing breaks.
 */

const LONGEST_OUTBOX = 50;

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

const local = () => localStorage;
const session = () => sessionStorage;

/** @param {string} project @param {number | null} id */
const name = (project, id) => `${project}/${id ?? 'new'}`;

/** @param {string} project @param {number | null} id */
export const readDraft = (project, id) => read(local, `draft ${name(project, id)}`) ?? '';

/** @param {string} project @param {number | null} id @param {string} text */
export const keepDraft = (project, id, text) => write(local, `draft ${name(project, id)}`, text);

/**
 * Per tab, so that two tabs do not send the same message.
 * @param {string} project @param {number | null} id
 * @returns {import('./protocol.js').AcceptedOnce[]}
 */
export function readOutbox(project, id) {
  try {
    const kept = JSON.parse(read(session, `outbox ${name(project, id)}`) ?? '[]');
    return Array.isArray(kept) ? kept.slice(0, LONGEST_OUTBOX) : [];
  } catch {
    return [];
  }
}

/** @param {string} project @param {number | null} id @param {import('./protocol.js').AcceptedOnce[]} outbox */
export const keepOutbox = (project, id, outbox) => (
  write(session, `outbox ${name(project, id)}`, outbox.length ? JSON.stringify(outbox) : ''));

/** How wide a pane was made, in pixels; 0 where it was not. @param {string} pane */
export const readWidth = (pane) => Number(read(local, `width ${pane}`)) || 0;

/** @param {string} pane @param {number} width 0 forgets it */
export const keepWidth = (pane, width) => write(local, `width ${pane}`, width ? String(width) : '');

export const readProject = () => read(local, 'project');

/** @param {string} project */
export const keepProject = (project) => write(local, 'project', project);

/** @param {string} theme `light`, `dark` or empty for the system's */
export const keepTheme = (theme) => write(local, 'theme', theme);
