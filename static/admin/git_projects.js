/**
 * The projects from git, for admins: what is served of each, and a look at its remote now. Rows and unchanged
 * texts survive a refresh, and so do the focus and the selection.
 */
import * as api from '../api.js';
import { formatAddress } from '../address.js';
import { element, setText } from '../views/dom.js';
import { RovingFocus } from '../views/roving_focus.js';
import { gitFacts, gitOutcome, gitProblem } from './format.js';

/**
 * @typedef {object} Row
 * @property {HTMLElement} node
 * @property {HTMLElement[]} facts
 * @property {HTMLElement} problem
 * @property {HTMLElement} outcome of the fetch that was asked for last
 * @property {HTMLButtonElement} fetch
 * @property {import('./format.js').GitProject} last what is shown
 * @property {import('./format.js').GitProject | null} asked what was known when the fetch was asked for that is waited for
 */

export class GitProjects extends HTMLElement {
  /** @type {Map<string, Row>} */
  #rows = new Map();
  #list = element('ul', {});
  #roving = new RovingFocus(this.#list, 'li');

  connectedCallback() {
    if (!this.#list.parentNode) this.append(element('h2', {}, 'Projects from git'), this.#list);
  }

  /** @param {import('./format.js').GitProject[]} states @param {number} now in milliseconds */
  update(states, now) {
    const names = new Set(states.map(({ project }) => project));
    for (const [name, { node }] of this.#rows) {
      if (names.has(name)) continue;
      const hadFocus = node.contains(document.activeElement);
      node.remove();
      this.#rows.delete(name);
      if (hadFocus) this.dispatchEvent(new CustomEvent('focus-lost', { bubbles: true }));
    }
    this.hidden = states.length === 0;
    for (const [at, state] of states.entries()) {
      const row = this.#rows.get(state.project) ?? this.#addRow(state);
      const there = this.#list.children[at] ?? null;
      if (there !== row.node) this.#list.insertBefore(row.node, there);
      this.#show(row, state, now);
    }
    this.#roving.update();
  }

  /** @param {import('./format.js').GitProject} state @returns {Row} */
  #addRow(state) {
    const { project } = state;
    const names = gitFacts(state, 0).map(({ name }) => name);
    const facts = names.map(() => element('dd', {}));
    const problem = element('p', { className: 'error', hidden: true });
    const outcome = element('p', { className: 'note' });
    const fetch = element('button', { type: 'button', 'aria-label': `Fetch now: ${project}`, onclick: () => this.#fetch(row) }, 'Fetch now');
    const node = element('li', {},
      element('a', { href: formatAddress(project, null) }, project), fetch,
      element('dl', {}, ...names.map((name, index) => element('div', {}, element('dt', {}, name), facts[index]))), problem, outcome);
    /** @type {Row} */
    const row = { node, facts, problem, outcome, fetch, last: state, asked: null };
    this.#rows.set(project, row);
    return row;
  }

  /** @param {Row} row @param {import('./format.js').GitProject} state @param {number} now */
  #show(row, state, now) {
    row.last = state;
    for (const [index, { text, title = '' }] of gitFacts(state, now).entries()) {
      const node = row.facts[index];
      setText(node, text);
      if (node.title !== title) node.title = title;
    }
    const problem = gitProblem(state);
    setText(row.problem, problem);
    row.problem.hidden = problem === '';
    const outcome = row.asked && gitOutcome(row.asked, state);
    if (outcome) this.#end(row, outcome);
  }

  /** Asks for a look at the remote. Another one is not asked for until that has ended. @param {Row} row */
  async #fetch(row) {
    if (row.asked) return;
    const { project } = row.last;
    row.asked = row.last;
    row.fetch.setAttribute('aria-disabled', 'true');
    setText(row.outcome, 'Looking at the remote…');
    this.#tell(`Looking at the remote of ${project}…`);
    try {
      await api.fetchProject(project);
    } catch (error) {
      const words = `It could not be asked for: ${api.errorMessage(error)}`;
      this.#end(row, { text: words, words });
    }
  }

  /** @param {Row} row @param {{text: string, words: string}} outcome to be seen, and to be heard */
  #end(row, { text, words }) {
    row.asked = null;
    row.fetch.removeAttribute('aria-disabled');
    setText(row.outcome, text);
    this.#tell(`${row.last.project}: ${words}`);
  }

  /** @param {string} words for screen readers */
  #tell(words) {
    this.dispatchEvent(new CustomEvent('tell', { detail: words, bubbles: true }));
  }
}

customElements.define('git-projects', GitProjects);
