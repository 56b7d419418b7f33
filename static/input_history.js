/**
 * Earlier questions that the arrow keys bring back into the field, and what was typed before them.
 * Pure: knows texts, not the field.
 */

/** @typedef {{text: string, turn: number | null}} HistoryEntry a question; with the turn it comes from, it is edited */

/**
 * What can be brought back, the oldest first and each text once: what this browser asked in the
 * project, then what was asked in this conversation.
 * @param {string[]} kept
 * @param {import('./store.js').Turn[]} turns
 * @param {string | null} user who looks, where the server knows
 * @returns {HistoryEntry[]}
 */
export function historyEntries(kept, turns, user) {
  const here = turns.filter((turn) => isOwn(turn, user)).map((turn) => ({ text: turn.question ?? '', turn: turn.turn }));
  const texts = new Set(here.map((one) => one.text));
  /** @type {Map<string, HistoryEntry>} */
  const all = new Map();
  for (const text of kept) if (!texts.has(text)) all.set(text, { text, turn: null });
  for (const one of here) {
    // A question that was asked again stands where it was asked last.
    all.delete(one.text);
    all.set(one.text, one);
  }
  return [...all.values()];
}

/** Where nobody is named, everybody's questions are one's own. @param {import('./store.js').Turn} turn @param {string | null} user */
export function isOwn(turn, user) {
  return turn.question !== null && (turn.author === undefined || turn.author === user);
}

export class InputHistory {
  /** @type {HistoryEntry[]} */
  #all = [];
  /** Index into `#all`; its length stands for the draft. */
  #at = 0;
  #draft = '';

  /** Whether an earlier question takes the draft's place. */
  get isBrowsing() {
    return this.#at < this.#all.length;
  }

  /** The draft, wherever one is. @param {string} text what the field holds */
  draft(text) {
    return this.isBrowsing ? this.#draft : text;
  }

  /** The question that was brought back. */
  get current() {
    return this.isBrowsing ? this.#all[this.#at] : null;
  }

  /**
   * Goes to the question before.
   * @param {string} text what the field holds
   * @param {() => HistoryEntry[]} all called when the draft is left
   * @returns {string | null} what belongs into the field, `null` when there is no earlier one
   */
  back(text, all) {
    if (!this.isBrowsing) {
      this.#all = all();
      this.#at = this.#all.length;
      this.#draft = text;
    }
    if (this.#at === 0) return null;
    this.#at -= 1;
    return this.#all[this.#at].text;
  }

  /** Goes to the question after, and from the newest to the draft. @returns {string | null} */
  forward() {
    if (!this.isBrowsing) return null;
    this.#at += 1;
    return this.isBrowsing ? this.#all[this.#at].text : this.#draft;
  }

  /** Brings one question back for good. @param {string} text what the field holds @param {HistoryEntry} one */
  edit(text, one) {
    this.#draft = this.draft(text);
    this.#all = [one];
    this.#at = 0;
  }

  /** Leaves the questions. Gives the draft that was there before. */
  leave() {
    const draft = this.#draft;
    this.#all = [];
    this.#at = 0;
    this.#draft = '';
    return draft;
  }
}
