/**
 * Deleting with time to think again: a deleted conversation is gone from the list at once, and from
 * the server only when the time is over, when another one is deleted, or when the page goes.
 */

/** How long it can be undone, in milliseconds. */
export const UNDO_TIME = 8000;

/** @typedef {{project: string, id: number, title: string, wasOpen: boolean}} PendingDeletion */

/**
 * @typedef {object} Effects
 * @property {(removed: PendingDeletion, leaving: boolean) => Promise<unknown>} send has the server delete it
 * @property {(removed: PendingDeletion) => void} settled it can be undone no longer
 * @property {(removed: PendingDeletion, error: unknown) => void} failed it is there still
 */

export class DelayedDeletion {
  /** @type {PendingDeletion | null} */
  #waiting = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer = undefined;
  /** What the server was told to delete. An id is never used again. @type {Set<string>} */
  #sent = new Set();

  /** @param {Effects} effects */
  constructor(effects) {
    this.effects = effects;
  }

  /** Whether a conversation is not to be shown. @param {string} project @param {number} id */
  has(project, id) {
    return this.isWaiting(project, id) || this.#sent.has(key(project, id));
  }

  /** Whether its deletion can be undone. @param {string} project @param {number} id */
  isWaiting(project, id) {
    return this.#waiting?.project === project && this.#waiting.id === id;
  }

  /** @param {PendingDeletion} removed */
  remove(removed) {
    this.settle();
    this.#waiting = removed;
    this.release();
  }

  /** @returns {PendingDeletion | null} what is back */
  undo() {
    const back = this.#waiting;
    this.hold();
    this.#waiting = null;
    return back;
  }

  /** The time does not run while somebody is about to undo. */
  hold() {
    clearTimeout(this.#timer);
  }

  /** The time runs, from its beginning. */
  release() {
    clearTimeout(this.#timer);
    if (this.#waiting) this.#timer = setTimeout(() => this.settle(), UNDO_TIME);
  }

  /** Deletes what waits now. @param {boolean} [leaving] the page goes */
  async settle(leaving = false) {
    const removed = this.undo();
    if (!removed) return;
    const name = key(removed.project, removed.id);
    this.#sent.add(name);
    this.effects.settled(removed);
    try {
      await this.effects.send(removed, leaving);
    } catch (error) {
      this.#sent.delete(name);
      this.effects.failed(removed, error);
    }
  }
}

/** @param {string} project @param {number} id */
const key = (project, id) => `${project}/${id}`;
