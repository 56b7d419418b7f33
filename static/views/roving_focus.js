/**
 * Makes a list of many controls one stop of the Tab key: arrows, Home and End go from item to item, → and ←
 * to the other controls of an item and back.
 */

/**
 * @typedef {object} RovingOptions
 * @property {string} [controls] selector of what can be used in an item, or of items that are controls themselves
 * @property {boolean} [isRow] whether items stand side by side, so that → and ← go from item to item too
 * @property {number} [page] items that PageUp and PageDown pass; they scroll otherwise
 * @property {() => void} [above] what ↑ on the first item does
 */

export class RovingFocus {
  /** The control that the Tab key reaches: the first one of its item. @type {HTMLElement | null} */
  #stop = null;
  #host;
  #items;
  #options;

  /** @param {HTMLElement} host the list @param {string} items selector of its items @param {RovingOptions} [options] */
  constructor(host, items, options = {}) {
    this.#host = host;
    this.#items = items;
    this.#options = options;
    host.addEventListener('keydown', (event) => this.#key(event));
    host.addEventListener('focusin', ({ target }) => this.choose(/** @type {Element} */ (target)));
  }

  /** Takes items in that have come or gone. */
  update() {
    const items = this.#all();
    const stop = items.map((item) => this.#controlsOf(item)[0]).find((first) => first === this.#stop) ?? null;
    for (const item of items) {
      for (const control of this.#controlsOf(item)) {
        if (control !== stop && control.tabIndex !== -1) control.tabIndex = -1;
      }
    }
    if (stop) return;
    this.#stop = null;
    this.choose(items.find((item) => this.#controlsOf(item).length > 0) ?? null);
  }

  /** Has the Tab key reach an item from now on. @param {Element | null} within the item, or something in it */
  choose(within) {
    const item = within && this.#itemOf(within);
    const control = item && this.#controlsOf(item)[0];
    if (!control || control === this.#stop) return;
    if (this.#stop) this.#stop.tabIndex = -1;
    control.tabIndex = 0;
    this.#stop = control;
  }

  /** Goes to the item that the Tab key reaches. Returns whether there is one. */
  focus() {
    this.#stop?.focus();
    return this.#stop !== null;
  }

  /** Goes to a neighbour of an item that is about to be removed, if the focus is in it. @param {Element} item */
  leave(item) {
    if (item.contains(document.activeElement)) this.#step(item, 1) || this.#step(item, -1);
  }

  #all() {
    return /** @type {HTMLElement[]} */ ([...this.#host.querySelectorAll(this.#items)]);
  }

  /** @param {Element} within */
  #itemOf(within) {
    const item = within.closest(this.#items);
    return item && this.#host.contains(item) ? item : null;
  }

  /** @param {Element} item @returns {HTMLElement[]} */
  #controlsOf(item) {
    const { controls = 'a[href], button' } = this.#options;
    return item.matches(controls) ? [/** @type {HTMLElement} */ (item)] : [.../** @type {NodeListOf<HTMLElement>} */ (item.querySelectorAll(controls))];
  }

  /** Goes on from an item. Returns whether there is another one. @param {Element} from @param {number} steps */
  #step(from, steps) {
    const items = this.#all().filter((item) => item === from || this.#controlsOf(item)[0]?.checkVisibility());
    const to = items[Math.max(0, Math.min(items.indexOf(/** @type {HTMLElement} */ (from)) + steps, items.length - 1))];
    if (!to || to === from) return false;
    this.#controlsOf(to)[0].focus();
    return true;
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
    const target = /** @type {HTMLElement} */ (event.target);
    const item = this.#itemOf(target);
    const controls = item ? this.#controlsOf(item) : [];
    const at = controls.indexOf(target);
    if (!item || at < 0) return;
    const { isRow = false, page = 0, above } = this.#options;
    const aside = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    const steps = { ArrowDown: 1, ArrowUp: -1, Home: -Infinity, End: Infinity, PageDown: page, PageUp: -page }[event.key] ?? (isRow && aside);
    if (steps) {
      if (!this.#step(item, steps) && event.key === 'ArrowUp') above?.();
    } else if (aside && controls.length > 1) controls[at + aside]?.focus();
    else return;
    event.preventDefault();
  }
}
