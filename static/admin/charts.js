/** Charts of the last hour or month, for admins. The server draws them. */
import * as api from '../api.js';
import { element, setText } from '../views/dom.js';
import { setHtml } from '../views/html.js';

/** @typedef {{name: string, title: string, summary: string, svg: string}} Chart */

export class AdminCharts extends HTMLElement {
  #charts = element('div', { className: 'charts' });
  #span = element('select', { id: 'chart-span', onchange: () => this.refresh() },
    element('option', { value: 'hour' }, 'The last hour'), element('option', { value: 'month' }, 'The last 30 days'));

  connectedCallback() {
    if (this.#charts.parentNode) return;
    this.append(element('h2', {}, 'Over time'),
      element('p', { className: 'fields' }, element('label', { for: 'chart-span' }, 'Show'), this.#span), this.#charts);
  }

  /** Reads the figures anew. */
  async refresh() {
    const charts = await api.adminCharts(this.#span.value);
    this.hidden = false;
    for (const [index, { title, summary, svg }] of charts.entries()) {
      const figure = this.#charts.children[index] ?? this.#charts.appendChild(element('figure', {},
        element('figcaption', {}, element('strong'), element('span', { className: 'note' })), element('div')));
      const [caption, picture] = /** @type {HTMLElement[]} */ ([...figure.children]);
      setText(/** @type {HTMLElement} */ (caption.firstElementChild), title);
      setText(/** @type {HTMLElement} */ (caption.lastElementChild), summary);
      // A bar that is pointed at stays while nothing has changed.
      if (picture.dataset.shown !== svg) setHtml(picture, svg);
      picture.dataset.shown = svg;
    }
  }
}

customElements.define('admin-charts', AdminCharts);
