/** A dialog that asks before something is lost. */
import { element } from './dom.js';

/**
 * @param {string} question
 * @param {string} action label of the button that confirms
 * @returns {Promise<boolean>}
 */
export function confirmAction(question, action) {
  return new Promise((resolve) => {
    const dialog = element('dialog', {
      'aria-label': question,
      onclose: () => {
        dialog.remove();
        resolve(dialog.returnValue === 'yes');
      },
    }, element('p', {}, question), element('form', { method: 'dialog' },
      element('button', { value: 'no' }, 'Cancel'),
      element('button', { value: 'yes', className: 'danger' }, action)));
    document.body.append(dialog);
    dialog.showModal();
  });
}
