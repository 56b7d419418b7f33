/** The audit log: who did what, for admins. */
import * as api from '../api.js';
import { formatAddress } from '../address.js';
import { element } from '../views/dom.js';
import { since } from './format.js';

/** @typedef {{at: string, project: string | null, kind: string, detail?: string, conversation_id: number | null, user: string | null, is_admin: boolean}} Action */

/** Milliseconds without a key until the log is searched. */
const PAUSE = 250;

/** @type {Record<string, string>} */
const WORDS = {
  ended: 'ended', deleted: 'deleted', made_private: 'made private', opened_to_team: 'opened to the team', made_link: 'made a link to',
  withdrew_link: 'withdrew the link to', opened_link: 'opened the link to',
  published: 'published a snapshot of', withdrew_snapshot: 'withdrew the snapshot of',
  asked: 'asked in', opened: 'opened', logged_in: 'logged in', logged_out: 'logged out', failed_login: 'failed to log in',
  made_token: 'made the token', revoked_token: 'revoked the token',
};

export class ActionLog extends HTMLElement {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer = undefined;
  #shown = '';
  #words = element('input', { type: 'search', id: 'action-words', oninput: () => this.#searchSoon() });
  #list = element('ol', {});

  connectedCallback() {
    if (this.#list.parentNode) return;
    this.append(element('h2', {}, 'Who did what'),
      element('p', { className: 'fields' }, element('label', { for: 'action-words' }, 'Project, person or action'), this.#words), this.#list);
  }

  #searchSoon() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.refresh(), PAUSE);
  }

  /** Reads the log anew. */
  async refresh() {
    const actions = await api.adminActions(this.#words.value);
    this.hidden = false;
    const now = Date.now();
    const key = JSON.stringify(actions);
    // The focus stays where nothing has changed.
    if (key === this.#shown && this.#list.childElementCount > 0) return;
    this.#shown = key;
    const none = this.#words.value ? 'Nothing fits.' : 'Nobody has done anything.';
    this.#list.replaceChildren(...(actions.length > 0 ? actions.map((action) => item(action, now)) : [element('li', {}, none)]));
  }
}

/** @param {Action} action @param {number} now */
function item({ at, project, kind, conversation_id: id, user, is_admin: isAdmin, detail }, now) {
  const who = user ?? (isAdmin ? 'An admin' : 'Somebody');
  const when = element('time', { dateTime: at, title: at }, `${since(at, now)} ago`);
  if (project === null) {
    const how = detail === undefined ? '' : kind.endsWith('_token') ? ` “${detail}”` : ` from ${detail}`;
    return element('li', {}, element('bdi', {}, who), ` ${WORDS[kind] ?? kind}${how}, `, when);
  }
  const what = id === null ? 'all conversations' : element('a', { href: formatAddress(project, id) }, `conversation ${id}`);
  const said = detail === undefined ? [] : [': ', element('q', { dir: 'auto' }, detail)];
  return element('li', {}, element('bdi', {}, who), ` ${WORDS[kind] ?? kind} `, what, ` of ${project}, `,
    when, ...said);
}

customElements.define('action-log', ActionLog);
