/** What can be done with a conversation: the button with its menu, and the field for a new title. */
import { exportAddress } from '../api.js';
import { element } from './dom.js';
import { openMenu } from './menu.js';

/** The longest title that the server keeps. */
const LONGEST_TITLE = 200;

/**
 * @typedef {object} About
 * @property {string} project
 * @property {number} id
 * @property {string} title
 * @property {HTMLElement} host what shows the title, and gives way to the field
 */

/** @param {() => About} about the conversation, as it is when the menu is opened */
export function actionsButton(about) {
  const button = element('button', {
    type: 'button', className: 'quiet more', title: 'Actions', 'aria-label': 'Actions', 'aria-haspopup': 'menu', 'aria-expanded': 'false',
    onclick: () => open(button, about()),
  }, '⋯');
  return button;
}

/** @param {HTMLButtonElement} button @param {About} about */
function open(button, { project, id, title, host }) {
  const say = (/** @type {string} */ name, /** @type {unknown} */ detail) => (
    button.dispatchEvent(new CustomEvent(name, { detail, bubbles: true })));
  openMenu(button, [
    { label: 'Rename', act: () => editTitle(host, title, (to) => say('rename', { id, title: to })) },
    { label: 'Copy link', act: () => say('copy-link', { id }) },
    { label: 'Export as Markdown', href: exportAddress(project, id, 'md') },
    { label: 'Export as JSON', href: exportAddress(project, id, 'json') },
    { label: 'Delete', isDanger: true, act: (byKey) => say('delete-conversation', { id, title, byKey }) },
  ]);
}

/**
 * Puts a field where the title stands. Enter keeps what was written, Escape what was there before.
 * @param {HTMLElement} host @param {string} title @param {(title: string) => void} save
 */
function editTitle(host, title, save) {
  const before = /** @type {HTMLElement | null} */ (document.activeElement);
  const field = element('input', {
    className: 'title-field', value: title, maxLength: LONGEST_TITLE, 'aria-label': 'Title', enterKeyHint: 'done',
    onkeydown: (/** @type {KeyboardEvent} */ event) => {
      event.stopPropagation();
      if (event.isComposing || (event.key !== 'Enter' && event.key !== 'Escape')) return;
      event.preventDefault();
      end(event.key === 'Enter', true);
    },
    onblur: () => end(true, false),
  });
  /** @param {boolean} isKept @param {boolean} byKey */
  const end = (isKept, byKey) => {
    if (host.hidden === false) return;
    host.hidden = false;
    const written = field.value.trim();
    field.remove();
    if (byKey) before?.focus();
    if (isKept && written && written !== title) save(written);
  };
  host.hidden = true;
  host.after(field);
  field.focus();
  field.select();
}
