/** The part of the dialog about readers that publishes a frozen copy for everybody. */
import { errorMessage } from '../api.js';
import { fullTime } from '../dates.js';
import { copyText, element, setText } from './dom.js';

/** @typedef {{path: string, published_at: string}} Published */

/**
 * @param {Published | null} published as it is now
 * @param {{publish: () => Promise<Published>, withdraw: () => Promise<unknown>}} acts
 */
export function snapshotSection(published, { publish, withdraw }) {
  const state = element('output', { className: 'note' });
  const address = element('a', { target: '_blank', rel: 'noopener' });
  const button = (/** @type {string} */ label, /** @type {() => unknown} */ act) => element('button', { type: 'button', onclick: act }, label);
  const publishing = button('Publish', async () => {
    setText(state, 'Publishing…');
    await attempt(async () => show(await publish()));
  });
  const copying = button('Copy address', () => copyText(address.href, copying));
  const withdrawing = button('Withdraw', () => attempt(async () => {
    await withdraw();
    show(null);
    setText(state, 'It is withdrawn, and its address leads nowhere.');
    publishing.focus();
  }));
  /** @param {() => Promise<void>} act */
  const attempt = async (act) => {
    try {
      await act();
    } catch (error) {
      setText(state, errorMessage(error));
    }
  };
  /** @param {Published | null} now */
  const show = (now) => {
    for (const shown of [address, copying, withdrawing]) shown.hidden = now === null;
    setText(publishing, now ? 'Publish as it is now' : 'Publish');
    setText(state, now ? `Published ${fullTime(now.published_at)}. What was asked later is not in it.` : '');
    if (!now) return;
    address.href = now.path;
    setText(address, address.href);
  };
  show(published);
  return element('section', { className: 'snapshot' },
    element('h3', {}, 'Everybody'),
    element('p', {}, 'A frozen snapshot is read by everybody who has its address, without a login. It has no names of people, and stays as it is.'),
    address, element('div', { className: 'share-link' }, publishing, copying, withdrawing), state);
}
