/** The actions menu of a conversation: its button, and the field for a new title. */
import { exportAddress } from '../api.js';
import { element } from './dom.js';
import { icon } from './icon.js';
import { loadFailureText } from '../text.js';

/** Characters that the server accepts in a title. */
const MAX_TITLE_LENGTH = 200;

/**
 * @typedef {object} MenuTarget
 * @property {string} project
 * @property {number} id
 * @property {string} title
 * @property {boolean} [mayShare] whether the person decides who may read it
 * @property {HTMLElement} host shows the title; the field takes its place
 */

/** @param {() => MenuTarget} target called when the menu is opened */
export function actionsButton(target) {
  const button = element('button', {
    type: 'button', className: 'quiet more', title: 'Actions', 'aria-label': 'Actions', 'aria-haspopup': 'menu', 'aria-expanded': 'false',
    onclick: () => open(button, target()),
  }, icon('more'));
  return button;
}

/** @param {HTMLButtonElement} button @param {MenuTarget} target */
function open(button, { project, id, title, host, mayShare = false }) {
  const emit = (/** @type {string} */ name, /** @type {unknown} */ detail) => (
    button.dispatchEvent(new CustomEvent(name, { detail, bubbles: true })));
  showMenu(button, [
    { label: 'Rename', act: () => editTitle(host, title, (to) => emit('rename', { id, title: to })) },
    { label: 'Copy link', act: () => emit('copy-link', { id }) },
    ...(mayShare ? [{ label: 'Who may read it…', act: () => emit('share', { id }) }] : []),
    { label: 'Export as Markdown', href: exportAddress(project, id, 'md') },
    { label: 'Export as JSON', href: exportAddress(project, id, 'json') },
    { label: 'Delete', isDanger: true, act: (byKey) => emit('delete-conversation', { id, title, byKey }) },
  ]);
}

/** Opens a menu, which is loaded with the first. @param {HTMLButtonElement} button @param {import('./menu.js').Item[]} items */
export async function showMenu(button, items) {
  try {
    (await import('./menu.js')).openMenu(button, items);
  } catch {
    button.dispatchEvent(new CustomEvent('notify', { detail: loadFailureText('The menu'), bubbles: true }));
  }
}

/**
 * Replaces the title by a field. Enter saves the new title, Escape keeps the old one.
 * @param {HTMLElement} host @param {string} title @param {(title: string) => void} save
 */
export function editTitle(host, title, save) {
  const before = /** @type {HTMLElement | null} */ (document.activeElement);
  const field = element('input', {
    className: 'title-field', value: title, maxLength: MAX_TITLE_LENGTH, 'aria-label': 'Title', enterKeyHint: 'done',
    onkeydown: (/** @type {KeyboardEvent} */ event) => {
      event.stopPropagation();
      if (event.isComposing || (event.key !== 'Enter' && event.key !== 'Escape')) return;
      event.preventDefault();
      end(event.key === 'Enter', true);
    },
    onblur: () => end(true, false),
  });
  /** @param {boolean} isSaved @param {boolean} byKey */
  const end = (isSaved, byKey) => {
    if (host.hidden === false) return;
    host.hidden = false;
    const entered = field.value.trim();
    field.remove();
    if (byKey) before?.focus();
    if (isSaved && entered && entered !== title) save(entered);
  };
  host.hidden = true;
  host.after(field);
  field.focus();
  field.select();
}
