/** The dialog that asks who may read a conversation. */
import { errorMessage } from '../api.js';
import { element, setText } from './dom.js';

/**
 * @typedef {object} ShareChoices
 * @property {{visibility?: string} | null} sharing null where the person does not decide who of the team may read it
 * @property {(visibility: 'team' | 'private') => Promise<unknown>} setVisibility
 * @property {() => Promise<{address: string, isCopied: boolean}>} copyLink
 * @property {() => Promise<unknown>} withdrawLink
 */

/** @param {ShareChoices} choices */
export function openShareDialog({ sharing, setVisibility, copyLink, withdrawLink }) {
  const isPrivate = sharing?.visibility === 'private';
  const told = element('output', { className: 'note' });
  /** Does something and tells how it went. @param {() => Promise<string>} act */
  const attempt = async (act) => {
    try {
      setText(told, await act());
    } catch (error) {
      setText(told, errorMessage(error));
    }
  };
  const choice = (/** @type {'team' | 'private'} */ value, /** @type {string} */ label) => element('label', {}, element('input', {
    type: 'radio', name: 'visibility', value, checked: (value === 'private') === isPrivate,
    onchange: () => attempt(async () => {
      await setVisibility(value);
      link.hidden = value === 'team';
      return value === 'team' ? 'Everybody may read it now.' : 'Only you may read it now.';
    }),
  }), label);
  const button = (/** @type {string} */ label, /** @type {() => Promise<string>} */ act) => element('button', {
    type: 'button', onclick: () => attempt(act),
  }, label);
  const link = element('div', { className: 'share-link', hidden: !isPrivate },
    element('p', {}, 'Others of the team can read it by a link.'),
    button('Copy link', async () => {
      const { address, isCopied } = await copyLink();
      return isCopied ? 'Link copied.' : `The link is ${address}`;
    }),
    button('Withdraw link', async () => {
      await withdrawLink();
      return 'The link is withdrawn, and nobody reads by it any more.';
    }));
  const dialog = element('dialog', { className: 'share', 'aria-labelledby': 'share-heading', onclose: () => dialog.remove() },
    element('h2', { id: 'share-heading' }, 'Who may read this conversation'),
    ...(sharing ? [element('fieldset', {}, element('legend', { className: 'visually-hidden' }, 'Who may read it'),
      choice('team', 'Everybody who sees the project'), choice('private', 'Only me')), link, told] : []),
    element('form', { method: 'dialog' }, element('button', {}, 'Close')));
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}
