/**
 * Deletion that can be undone: a conversation leaves the list at once, and the server only after a
 * while, when another one is deleted, or when the page is closed.
 */

/** Milliseconds in which a deletion can be undone. */
export const UNDO_TIME = 8000;

/** @typedef {{project: string, id: number, title: string, wasOpen: boolean}} PendingDeletion */

/**
 * @typedef {object} Effects
 * @property {(deletion: PendingDeletion, leaving: boolean) => Promise<unknown>} send deletes it on the server
 * @property {(deletion: PendingDeletion) => void} committed it cannot be undone any more
 * @property {(deletion: PendingDeletion, error: unknown) => void} failed the conversation still exists
 */

export class DelayedDeletion {
  /** @type {PendingDeletion | null} */
  #waiting = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer = undefined;
  /** Conversations that the server was asked to delete. Ids are never reused. @type {Set<string>} */
  #sent = new Set();

  /** @param {Effects} effects */
  constructor(effects) {
    this.effects = effects;
  }

  /** Whether a conversation is deleted, for good or not. @param {string} project @param {number} id */
  has(project, id) {
    return this.isWaiting(project, id) || this.#sent.has(key(project, id));
  }

  /** Whether its deletion can be undone. @param {string} project @param {number} id */
  isWaiting(project, id) {
    return this.#waiting?.project === project && this.#waiting.id === id;
  }

  /** @param {PendingDeletion} deletion */
  begin(deletion) {
    this.commit();
    this.#waiting = deletion;
    this.resume();
  }

  /** @returns {PendingDeletion | null} what was undone */
  undo() {
    const undone = this.#waiting;
    this.pause();
    this.#waiting = null;
    return undone;
  }

  /** Stops the timer while the person may be about to undo. */
  pause() {
    clearTimeout(this.#timer);
  }

  /** Starts the timer again. */
  resume() {
    clearTimeout(this.#timer);
    if (this.#waiting) this.#timer = setTimeout(() => this.commit(), UNDO_TIME);
  }

  /** Deletes what waits. @param {boolean} [leaving] the page is being closed */
  async commit(leaving = false) {
    const deletion = this.undo();
    if (!deletion) return;
    const name = key(deletion.project, deletion.id);
    this.#sent.add(name);
    this.effects.committed(deletion);
    try {
      await this.effects.send(deletion, leaving);
    } catch (error) {
      this.#sent.delete(name);
      this.effects.failed(deletion, error);
    }
  }
}

/** @param {string} project @param {number} id */
const key = (project, id) => `${project}/${id}`;
