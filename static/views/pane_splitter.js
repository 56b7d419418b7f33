/** The movable edge between two panes: dragged or moved with arrow keys. Its position is stored. */
import { savePaneWidth, loadPaneWidth } from '../storage.js';

/** Pixels that an arrow key moves the edge. */
const STEP = 24;

/** The panes, with the range of their width in pixels and the name under which it is stored. */
const PANES = {
  sidebar: { min: 200, max: 480, isLeft: true, label: 'Width of the list', stored: 'rail' },
  reader: { min: 320, max: 1200, isLeft: false, label: 'Width of the file', stored: 'reader' },
};

export class PaneSplitter extends HTMLElement {
  /** @type {keyof typeof PANES} */
  #pane = 'sidebar';

  connectedCallback() {
    this.#pane = this.dataset.pane === 'reader' ? 'reader' : 'sidebar';
    const { min, max, label, stored } = PANES[this.#pane];
    for (const [name, value] of Object.entries({
      'role': 'separator', 'aria-orientation': 'vertical', 'aria-label': label, 'aria-valuemin': min, 'aria-valuemax': max,
    })) this.setAttribute(name, String(value));
    this.tabIndex = 0;
    const width = loadPaneWidth(stored);
    if (width) this.#setWidth(width);
    this.#updateValue();
    this.addEventListener('keydown', (event) => this.#key(event));
    this.addEventListener('pointerdown', (event) => this.#drag(event));
    this.addEventListener('dblclick', () => this.#reset());
    this.addEventListener('focus', () => this.#updateValue());
  }

  /** The current width of the pane, in pixels. */
  get #width() {
    const edge = this.getBoundingClientRect();
    const middle = edge.left + edge.width / 2;
    return PANES[this.#pane].isLeft ? middle : innerWidth - middle;
  }

  /** @param {number} width */
  #setWidth(width) {
    const { min, max, stored } = PANES[this.#pane];
    const pixels = Math.round(Math.min(Math.max(width, min), max, innerWidth - min));
    document.documentElement.style.setProperty(`--${this.#pane}-width`, `${pixels}px`);
    savePaneWidth(stored, pixels);
    this.#updateValue();
  }

  #reset() {
    document.documentElement.style.removeProperty(`--${this.#pane}-width`);
    savePaneWidth(PANES[this.#pane].stored, 0);
    this.#updateValue();
  }

  #updateValue() {
    this.setAttribute('aria-valuenow', String(Math.round(this.#width)));
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const wider = PANES[this.#pane].isLeft ? 'ArrowRight' : 'ArrowLeft';
    const narrower = PANES[this.#pane].isLeft ? 'ArrowLeft' : 'ArrowRight';
    if (event.key === wider) this.#setWidth(this.#width + STEP);
    else if (event.key === narrower) this.#setWidth(this.#width - STEP);
    else if (event.key === 'Home') this.#reset();
    else return;
    event.preventDefault();
  }

  /** @param {PointerEvent} event */
  #drag(event) {
    event.preventDefault();
    this.focus();
    this.setPointerCapture(event.pointerId);
    const move = (/** @type {PointerEvent} */ { clientX }) => (
      this.#setWidth(PANES[this.#pane].isLeft ? clientX : innerWidth - clientX));
    this.addEventListener('pointermove', move);
    this.addEventListener('lostpointercapture', () => this.removeEventListener('pointermove', move), { once: true });
  }
}

customElements.define('pane-splitter', PaneSplitter);
