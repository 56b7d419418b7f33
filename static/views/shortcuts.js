/** The list of keys: as a dialog, and short in an empty conversation. */
import { element } from './dom.js';

const KEYS = [
  ['Enter', 'ask'],
  ['Shift Enter', 'new line'],
  ['@', 'name a file by a few letters of its path'],
  ['↑', 'in an empty field: your last question, to change it and ask anew; ↑ ↓ go on from there'],
  ['Escape', 'leave what is open, else stop the answer'],
  ['Ctrl/⌘ K', 'search, and switch to another conversation'],
  ['Ctrl/⌘ Shift O', 'new conversation'],
  ['J  K', 'next and previous question'],
  ['O', 'open the first place that the answer names'],
  ['[  ]', 'previous and next place'],
  ['?', 'this list'],
];

/** @param {number} [count] */
export function shortcutList(count = KEYS.length) {
  return element('dl', { className: 'keys' }, ...KEYS.slice(0, count).map(([keys, what]) => element('div', {},
    element('dt', {}, ...keys.split(' ').filter(Boolean).map((key) => element('kbd', {}, key))),
    element('dd', {}, what))));
}

export function showShortcuts() {
  const dialog = element('dialog', { 'aria-label': 'Keys', onclose: () => dialog.remove() },
    element('h2', {}, 'Keys'), shortcutList(),
    element('p', { className: 'note' }, 'Single letters work outside of the field: Tab or Shift Tab leaves it.'),
    element('form', { method: 'dialog' }, element('button', {}, 'Close')));
  document.body.append(dialog);
  dialog.showModal();
}

/**
 * Asks before something is lost.
 * @param {string} question
 * @param {string} yes what the button that goes on says
 * @returns {Promise<boolean>}
 */
export function confirmAction(question, yes) {
  return new Promise((resolve) => {
    const dialog = element('dialog', {
      'aria-label': question,
      onclose: () => {
        dialog.remove();
        resolve(dialog.returnValue === 'yes');
      },
    }, element('p', {}, question), element('form', { method: 'dialog' },
      element('button', { value: 'no' }, 'Keep it'),
      element('button', { value: 'yes', className: 'danger' }, yes)));
    document.body.append(dialog);
    dialog.showModal();
  });
}
