/** What answers took, by day, user, project and agent, for admins; also as CSV. */
import * as api from '../api.js';
import { element, setText } from '../views/dom.js';
import { money } from '../usage.js';
import { count } from './format.js';

/**
 * @typedef {{day: string | null, user: string | null, project: string | null, agent: string | null, answers: number, failed: number,
 *   input_tokens: number, cached_tokens: number, output_tokens: number, cost_usd: number}} UsageRow
 * @typedef {{from: string, to: string, rows: UsageRow[], more: boolean}} Usage
 */

/** What usage is told apart by. @type {('day' | 'user' | 'project' | 'agent')[]} */
const KEYS = ['day', 'user', 'project', 'agent'];

export class UsageTable extends HTMLElement {
  #problem = element('p', { className: 'error', role: 'alert', hidden: true });
  #from = element('input', { type: 'date', id: 'usage-from', onchange: () => this.refresh() });
  #to = element('input', { type: 'date', id: 'usage-to', onchange: () => this.refresh() });
  #by = KEYS.map((key) => element('input', {
    type: 'checkbox', id: `usage-by-${key}`, value: key, checked: key === 'project', onchange: () => this.refresh(),
  }));
  #csv = element('a', { download: '' }, 'Download as CSV');
  #about = element('p', { className: 'note' });
  #head = element('tr');
  #body = element('tbody');

  connectedCallback() {
    if (this.#body.parentNode) return;
    const labelled = (/** @type {HTMLElement} */ field, /** @type {string} */ text) => [element('label', { for: field.id }, text), field];
    this.append(element('h2', {}, 'Usage'),
      element('div', { className: 'fields' }, ...labelled(this.#from, 'From'), ...labelled(this.#to, 'to'),
        element('fieldset', {}, element('legend', {}, 'by'),
          ...this.#by.map((field, index) => element('label', {}, field, KEYS[index]))), this.#csv),
      this.#problem, this.#about,
      element('div', { className: 'wide', tabIndex: 0, role: 'region', 'aria-label': 'Usage' },
        element('table', {}, element('thead', {}, this.#head), this.#body)));
  }

  /** Reads the figures anew. */
  async refresh() {
    const query = new URLSearchParams({ by: this.#by.filter((it) => it.checked).map((it) => it.value).join(',') });
    if (this.#from.value) query.set('from', this.#from.value);
    if (this.#to.value) query.set('to', this.#to.value);
    this.#csv.href = api.usageAddress(`${query}&format=csv`);
    this.hidden = false;
    try {
      this.#show(await api.adminUsage(`${query}`));
      this.#problem.hidden = true;
    } catch (error) {
      setText(this.#problem, api.errorMessage(error));
      this.#problem.hidden = false;
    }
  }

  /** @param {Usage} usage */
  #show({ from, to, rows, more }) {
    this.#from.value ||= from;
    this.#to.value ||= to;
    const keys = KEYS.filter((_, index) => this.#by[index].checked);
    const columns = [...keys, 'answers', 'failed', 'tokens read', 'from a cache', 'written', 'cost'];
    this.#head.replaceChildren(...columns.map((name) => element('th', { scope: 'col' }, name)));
    this.#body.replaceChildren(...rows.map((row) => usageRow(row, keys)));
    setText(this.#about, rows.length === 0 ? 'No answer in this time.'
      : more ? `The first ${count(rows.length)} rows; ask for fewer days.` : '');
  }
}

/** @param {UsageRow} row @param {('day' | 'user' | 'project' | 'agent')[]} keys */
function usageRow(row, keys) {
  const names = keys.map((key) => element('td', {}, element('bdi', {}, row[key] ?? 'not known')));
  const figures = [count(row.answers), count(row.failed), count(row.input_tokens), count(row.cached_tokens), count(row.output_tokens),
    row.cost_usd > 0 ? money(row.cost_usd) : '–'];
  return element('tr', {}, ...names, ...figures.map((text) => element('td', { className: 'figure' }, text)));
}

customElements.define('usage-table', UsageTable);
