/** The list of keyboard shortcuts, as a dialog. */
import { element } from './dom.js';

const SHORTCUTS = [
  ['Enter', 'ask'],
  ['Shift Enter', 'new line'],
  ['@', 'find a file by letters of its path; @# a definition'],
  ['↑', 'in an empty field: your last question, to change and ask again; ↑ ↓ for others'],
  ['Escape', 'close what is open, else stop the answer'],
  ['Ctrl/⌘ K', 'search, or go to another conversation'],
  ['Ctrl/⌘ P', 'go to a file or a definition'],
  ['Ctrl/⌘ Shift F', 'search in the files'],
  ['Ctrl/⌘ Shift O', 'new conversation'],
  ['Ctrl/⌘ B', 'fold or unfold the list of conversations'],
  ['J  K', 'next and previous question'],
  ['O', 'open the first citation of the answer'],
  ['[  ]', 'previous and next citation'],
  ['↑  ↓', 'in a list: the next entry; → what else it offers'],
  ['/', 'in a file: find in its lines'],
  ['Alt ↑  ↓', 'in a file: mark the line before or after; with Shift, more of them'],
  ['?', 'this list'],
];

function shortcutList() {
  return element('dl', { className: 'keys' }, ...SHORTCUTS.map(([keys, action]) => element('div', {},
    element('dt', {}, ...keys.split(' ').filter(Boolean).map((key) => element('kbd', {}, key))),
    element('dd', {}, action))));
}

export function showShortcuts() {
  const dialog = element('dialog', { 'aria-label': 'Keys', onclose: () => dialog.remove() },
    element('h2', {}, 'Keys'), shortcutList(),
    element('p', { className: 'note' }, 'Single letters work outside the question field. Tab or Shift+Tab leaves it.'),
    element('form', { method: 'dialog' }, element('button', {}, 'Close')));
  document.body.append(dialog);
  dialog.showModal();
}
