/** The dialog of all notes of a project: answers that people keep. */
import { errorMessage, findNotes } from '../api.js';
import { dayHeading, fullTime, shortTime } from '../dates.js';
import { excerptOf, notesStatus, standingOf } from '../notes.js';
import { element, setText } from './dom.js';
import { RovingFocus } from './roving_focus.js';
import { turnLink } from './turn_link.js';

/** Milliseconds without typing before the server is asked. */
const PAUSE = 200;

/**
 * @param {string} project
 * @param {(note: import('../notes.js').Note) => Promise<unknown>} drop has it be no note any more
 */
export function openNotes(project, drop) {
  let asking = new AbortController();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  const field = element('input', {
    type: 'search', placeholder: 'Search notes', autocomplete: 'off', spellcheck: false, 'aria-label': 'Search notes',
    oninput: () => {
      clearTimeout(timer);
      timer = setTimeout(show, PAUSE);
    },
    onkeydown: (/** @type {KeyboardEvent} */ event) => event.key === 'ArrowDown' && roving.focus() && event.preventDefault(),
  });
  const list = element('ul', { className: 'notes', tabIndex: -1, 'aria-label': 'Notes' });
  const roving = new RovingFocus(list, 'li', { above: () => field.focus() });
  const status = element('p', { className: 'note', role: 'status' });
  const close = element('button', { type: 'button', className: 'quiet', onclick: () => dialog.close() }, 'Close');
  const dialog = element('dialog', {
    className: 'search', 'aria-label': 'Notes of the project',
    onclose: () => {
      clearTimeout(timer);
      asking.abort();
      dialog.remove();
    },
    onclick: (/** @type {Event} */ event) => event.target === dialog && dialog.close(),
  }, element('search', {}, element('div', { className: 'field' }, field, close), list, status));

  async function show() {
    asking.abort();
    asking = new AbortController();
    const { signal } = asking;
    const typed = field.value;
    try {
      const { notes, more } = await findNotes(project, typed, signal);
      if (signal.aborted) return;
      list.replaceChildren(...notes.map((note) => noteItem(project, note, () => dialog.close(), () => remove(note))));
      roving.update();
      setText(status, notesStatus({ typed, count: notes.length, more }));
    } catch (error) {
      if (!signal.aborted) setText(status, `The notes could not be read: ${errorMessage(error)}`);
    }
  }

  /** @param {import('../notes.js').Note} note */
  async function remove(note) {
    try {
      await drop(note);
      await show();
      field.focus();
    } catch (error) {
      setText(status, `The note was not removed: ${errorMessage(error)}`);
    }
  }

  document.body.append(dialog);
  dialog.showModal();
  field.focus();
  show();
}

/**
 * @param {string} project @param {import('../notes.js').Note} note @param {() => void} leave @param {() => void} remove
 */
function noteItem(project, note, leave, remove) {
  const { question, answer, kept_by: by, kept_at: at } = note;
  const standing = standingOf(note);
  const now = new Date();
  const heading = dayHeading(at, now);
  const when = heading === 'Today' || heading === 'Yesterday' ? heading.toLowerCase() : `on ${heading === 'Earlier' ? shortTime(at, now) : heading}`;
  const title = question.replace(/\s+/g, ' ').trim();
  return element('li', {},
    turnLink(project, note, title, leave),
    element('p', { dir: 'auto' }, excerptOf(answer)),
    element('p', { className: 'about' },
      element('time', { dateTime: at, title: fullTime(at) }, `Kept${by ? ` by ${by}` : ''} ${when}`), ' · ',
      element('span', { className: standing.isStale ? 'urgent' : '' }, standing.text),
      element('button', { type: 'button', className: 'quiet', 'aria-label': `Remove the note “${title}”`, onclick: remove }, 'Remove')));
}
