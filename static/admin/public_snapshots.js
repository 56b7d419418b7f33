/** The public snapshots of all projects, which admins may withdraw. */
import { formatAddress } from '../address.js';
import { element, setText } from '../views/dom.js';
import { RovingFocus } from '../views/roving_focus.js';
import { since } from './format.js';

/**
 * @typedef {{project: string, conversation_id: number, title?: string, path: string, published_by?: string, published_at: string}} PublicSnapshot
 * @typedef {{allowed: boolean, snapshots: PublicSnapshot[]}} AllSnapshots
 */

export class PublicSnapshots extends HTMLElement {
  #shown = '';
  #note = element('p', { className: 'note' });
  #list = element('ul', {});
  #roving = new RovingFocus(this.#list, 'li');

  connectedCallback() {
    if (!this.#list.parentNode) this.append(element('h2', {}, 'Public snapshots'), this.#note, this.#list);
  }

  /** @param {AllSnapshots} all @param {number} now in milliseconds */
  update({ allowed, snapshots }, now) {
    this.hidden = snapshots.length === 0;
    setText(this.#note, allowed ? 'Everybody reads them who has their address.' : 'Nobody reads them: team.public_snapshots is false.');
    const key = JSON.stringify(snapshots);
    // The focus stays where nothing has changed.
    if (key === this.#shown) return;
    this.#shown = key;
    this.#list.replaceChildren(...snapshots.map((snapshot) => this.#row(snapshot, now)));
    this.#roving.update();
  }

  /** @param {PublicSnapshot} snapshot @param {number} now */
  #row(snapshot, now) {
    const { project, conversation_id: id, title, path, published_by: user, published_at: at } = snapshot;
    const name = title ?? 'Conversation without a title';
    return element('li', {},
      element('a', { href: path, dir: 'auto' }, name),
      element('p', { className: 'note' }, `${user ?? 'Somebody'} in ${project}, ${since(at, now)} ago, from `,
        element('a', { href: formatAddress(project, id) }, `conversation ${id}`)),
      element('button', {
        type: 'button', 'aria-label': `Withdraw ${name}`,
        onclick: () => this.dispatchEvent(new CustomEvent('withdraw-snapshot', { detail: { project, id, name }, bubbles: true })),
      }, 'Withdraw'));
  }
}

customElements.define('public-snapshots', PublicSnapshots);
