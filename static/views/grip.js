/** The edge between two panes: dragged, or moved with the arrow keys; its place is remembered. */
import { keepWidth, readWidth } from '../keep.js';

/** How far an arrow key moves an edge, in pixels. */
const STEP = 24;

/** The panes: how narrow and how wide one may be, in pixels, and on which side of its edge it lies. */
const PANES = {
  rail: { least: 200, most: 480, isLeft: true, label: 'Width of the list' },
  reader: { least: 320, most: 1200, isLeft: false, label: 'Width of the file' },
};

export class PaneGrip extends HTMLElement {
  /** @type {keyof typeof PANES} */
  #pane = 'rail';

  connectedCallback() {
    this.#pane = this.dataset.pane === 'reader' ? 'reader' : 'rail';
    const { least, most, label } = PANES[this.#pane];
    for (const [name, value] of Object.entries({
      'role': 'separator', 'aria-orientation': 'vertical', 'aria-label': label, 'aria-valuemin': least, 'aria-valuemax': most,
    })) this.setAttribute(name, String(value));
    this.tabIndex = 0;
    const kept = readWidth(this.#pane);
    if (kept) this.#set(kept);
    this.#tell();
    this.addEventListener('keydown', (event) => this.#key(event));
    this.addEventListener('pointerdown', (event) => this.#drag(event));
    this.addEventListener('dblclick', () => this.#reset());
    this.addEventListener('focus', () => this.#tell());
  }

  /** The pane as it is. */
  get #width() {
    const edge = this.getBoundingClientRect();
    const middle = edge.left + edge.width / 2;
    return PANES[this.#pane].isLeft ? middle : innerWidth - middle;
  }

  /** @param {number} width */
  #set(width) {
    const { least, most } = PANES[this.#pane];
    const kept = Math.round(Math.min(Math.max(width, least), most, innerWidth - least));
    document.documentElement.style.setProperty(`--${this.#pane}-width`, `${kept}px`);
    keepWidth(this.#pane, kept);
    this.#tell();
  }

  #reset() {
    document.documentElement.style.removeProperty(`--${this.#pane}-width`);
    keepWidth(this.#pane, 0);
    this.#tell();
  }

  #tell() {
    this.setAttribute('aria-valuenow', String(Math.round(this.#width)));
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const wider = PANES[this.#pane].isLeft ? 'ArrowRight' : 'ArrowLeft';
    const narrower = PANES[this.#pane].isLeft ? 'ArrowLeft' : 'ArrowRight';
    if (event.key === wider) this.#set(this.#width + STEP);
    else if (event.key === narrower) this.#set(this.#width - STEP);
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
      this.#set(PANES[this.#pane].isLeft ? clientX : innerWidth - clientX));
    this.addEventListener('pointermove', move);
    this.addEventListener('lostpointercapture', () => this.removeEventListener('pointermove', move), { once: true });
  }
}

customElements.define('pane-grip', PaneGrip);
