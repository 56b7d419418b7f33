/** Throttling of values that would change faster than a person can read. */

/** Milliseconds between a change and its display, and so between two displays. */
const INTERVAL = 300;

/**
 * Shows the newest value `INTERVAL` after a change began. A value that has changed back by then is
 * never shown.
 * @template T
 */
export class ThrottledValue {
  /** @type {T | undefined} */
  #shown;
  /** @type {T | undefined} */
  #newest;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /**
   * @param {(value: T) => void} show
   * @param {(one: T, other: T | undefined) => boolean} isSame
   * @param {(then: () => void, milliseconds: number) => any} [wait]
   */
  constructor(show, isSame, wait = (then, milliseconds) => setTimeout(then, milliseconds)) {
    this.show = show;
    this.isSame = isSame;
    this.wait = wait;
  }

  /** @param {T} value */
  set(value) {
    this.#newest = value;
    if (this.isSame(value, this.#shown) || this.#timer !== undefined) return;
    // The first change sets the time; the newest value is shown.
    this.#timer = this.wait(() => {
      this.#timer = undefined;
      const newest = /** @type {T} */ (this.#newest);
      if (this.isSame(newest, this.#shown)) return;
      this.#shown = newest;
      this.show(newest);
    }, INTERVAL);
  }

  /** Shows a value at once. @param {T} value */
  reset(value) {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#newest = value;
    this.#shown = value;
    this.show(value);
  }
}
