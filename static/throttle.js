/** Words that change too quickly to be read are not shown: each has to last, and stays for as long. Pure but for its timer. */

/** How long a state must last to be said, in milliseconds. */
export const SHORTEST = 300;

/**
 * Passes the newest value on, and a change never sooner than `SHORTEST` after it began.
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
    // What comes while this waits is shown in its place: the first change sets the time.
    this.#timer = this.wait(() => {
      this.#timer = undefined;
      const newest = /** @type {T} */ (this.#newest);
      if (this.isSame(newest, this.#shown)) return;
      this.#shown = newest;
      this.show(newest);
    }, SHORTEST);
  }

  /** Shows at once, for another conversation. @param {T} value */
  reset(value) {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#newest = value;
    this.#shown = value;
    this.show(value);
  }
}
