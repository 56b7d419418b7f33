/** The dialog of a person's own tokens: with one a program acts as the person, within what the token allows. */
import { call, errorMessage } from '../api.js';
import { fullTime } from '../dates.js';
import { confirmAction } from './confirm_dialog.js';
import { copyText, element, setText } from './dom.js';

const TOKENS = '/api/me/tokens';
/** Days that a token lasts: what is offered first, and the most. */
const DAYS = { usual: 90, most: 366 };

/** @typedef {{id: string, name: string, scope: string, made_at: number, ends_at: number, used_at: number | null}} Token times in seconds since 1970 */

/** What a token allows, by its scope. @type {Record<string, string>} */
const SCOPES = { read: 'reads and searches', ask: 'also asks, writes and shares', admin: 'also administers' };

export function openTokens() {
  const list = element('ul', { className: 'tokens', 'aria-label': 'Your tokens' });
  const status = element('p', { className: 'note', role: 'status' });
  const made = element('div', { className: 'made', hidden: true });
  const name = element('input', { type: 'text', required: true, maxLength: 100, autocomplete: 'off', placeholder: 'my editor' });
  const scope = element('select', { className: 'own' }, ...Object.entries(SCOPES).map(([value, words]) => element('option', { value }, `${value}: ${words}`)));
  scope.value = 'ask';
  const days = element('input', { type: 'number', required: true, min: '1', max: String(DAYS.most), value: String(DAYS.usual) });
  const form = element('form', {
    onsubmit: (/** @type {Event} */ event) => {
      event.preventDefault();
      attempt('The token was not made', make);
    },
  },
  element('label', {}, 'Name', name), element('label', {}, 'May', scope), element('label', {}, 'Days', days),
  element('button', {}, 'Make a token'));
  const dialog = element('dialog', { className: 'share tokens-dialog', 'aria-labelledby': 'tokens-heading', onclose: () => dialog.remove() },
    element('h2', { id: 'tokens-heading' }, 'Tokens for programs'),
    element('p', { className: 'note' }, 'A program that sends one acts as you: with your name, your projects and your budget.'),
    form, made, list, status,
    element('form', { method: 'dialog' }, element('button', {}, 'Close')));

  /** Does something and tells how it failed. @param {string} failure @param {() => Promise<unknown>} act */
  async function attempt(failure, act) {
    setText(status, '');
    try {
      await act();
    } catch (error) {
      setText(status, `${failure}: ${errorMessage(error)}`);
    }
  }

  async function show() {
    /** @type {Token[]} */
    const tokens = await call('GET', TOKENS);
    list.replaceChildren(...tokens.map((token) => tokenItem(token, () => attempt('The token was not revoked', () => revoke(token)))));
    list.hidden = tokens.length === 0;
  }

  async function make() {
    const { token } = await call('POST', TOKENS, { json: { name: name.value, scope: scope.value, days: days.valueAsNumber } });
    const copy = element('button', { type: 'button', onclick: () => copyText(token, copy) }, 'Copy');
    const field = element('input', { type: 'text', readOnly: true, value: token, 'aria-label': 'The new token' });
    made.replaceChildren(element('p', {}, `The token “${name.value.trim()}” is shown this once. Keep it where the program finds it.`), field, copy);
    made.hidden = false;
    name.value = '';
    field.focus();
    field.select();
    await show();
  }

  /** @param {Token} token */
  async function revoke(token) {
    if (!await confirmAction(`Revoke the token “${token.name}”? A program that uses it is let in no more.`, 'Revoke')) return;
    await call('DELETE', `${TOKENS}/${token.id}`);
    await show();
    setText(status, `The token “${token.name}” is revoked.`);
    name.focus();
  }

  document.body.append(dialog);
  dialog.showModal();
  name.focus();
  attempt('Your tokens could not be read', show);
}

/** @param {Token} token @param {() => void} revoke */
function tokenItem({ name, scope, made_at: made, ends_at: ends, used_at: used }, revoke) {
  const time = (/** @type {number} */ seconds) => {
    const at = new Date(seconds * 1000).toISOString();
    return element('time', { dateTime: at }, fullTime(at));
  };
  return element('li', {},
    element('p', { dir: 'auto' }, element('strong', {}, name), ` ${SCOPES[scope] ?? scope}`),
    element('p', { className: 'note' }, 'Made ', time(made), ', ', ...(used ? ['last used ', time(used)] : ['never used']), ends * 1000 < Date.now() ? ', ended ' : ', ends ', time(ends)),
    element('button', { type: 'button', className: 'quiet', 'aria-label': `Revoke the token “${name}”`, onclick: revoke }, 'Revoke'));
}
