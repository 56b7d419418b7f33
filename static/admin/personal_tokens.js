/** The personal tokens of everybody, which admins may revoke. */
import { element, setText } from '../views/dom.js';
import { RovingFocus } from '../views/roving_focus.js';
import { since } from './format.js';

/** @typedef {{id: string, name: string, user: string, scope: string, made_at: number, ends_at: number, used_at: number | null}} OwnedToken times in seconds since 1970 */

const DAY = 86_400_000;

export class PersonalTokens extends HTMLElement {
  #shown = '';
  #list = element('ul', {});
  #roving = new RovingFocus(this.#list, 'li');

  connectedCallback() {
    if (this.#list.parentNode) return;
    const note = 'A program that sends one acts as its owner, within its scope: read, ask or admin.';
    this.append(element('h2', {}, 'Personal tokens'), element('p', { className: 'note' }, note), this.#list);
  }

  /** @param {OwnedToken[]} tokens @param {number} now in milliseconds */
  update(tokens, now) {
    this.hidden = tokens.length === 0;
    const key = JSON.stringify(tokens.map((token) => token.id));
    // The focus stays where none has come or gone.
    if (key !== this.#shown) {
      this.#shown = key;
      this.#list.replaceChildren(...tokens.map((token) => this.#row(token)));
      this.#roving.update();
    }
    tokens.forEach((token, index) => {
      const note = this.#list.children[index]?.querySelector('.note');
      if (note) setText(/** @type {HTMLElement} */ (note), tokenTimes(token, now));
    });
  }

  /** @param {OwnedToken} token */
  #row({ id, name, user, scope }) {
    return element('li', {},
      element('p', { dir: 'auto' }, element('strong', {}, name), ` of ${user}, ${scope}`),
      element('p', { className: 'note' }),
      element('button', {
        type: 'button', 'aria-label': `Revoke the token “${name}” of ${user}`,
        onclick: () => this.dispatchEvent(new CustomEvent('revoke-token', { detail: { id, name, user }, bubbles: true })),
      }, 'Revoke'));
  }
}

/** When a token was made and used, and when it ends. @param {OwnedToken} token @param {number} now in milliseconds */
function tokenTimes({ made_at: made, ends_at: ends, used_at: used }, now) {
  const ago = (/** @type {number} */ seconds) => `${since(new Date(seconds * 1000).toISOString(), now)} ago`;
  const days = Math.ceil((ends * 1000 - now) / DAY);
  return `Made ${ago(made)}, ${used ? `used ${ago(used)}` : 'never used'}, ${days > 0 ? `ends in ${days} d` : 'ended'}`;
}

customElements.define('personal-tokens', PersonalTokens);
