/**
 * Earlier questions that the arrow keys bring back into the field, and the draft that waits
 * meanwhile. Pure.
 */

/** @typedef {{text: string, turn: number | null}} HistoryEntry a question, with its turn if it is of this conversation */

/**
 * Questions that can be brought back, oldest first, each text once: those that this browser asked in
 * the project, then those of this conversation.
 * @param {string[]} stored
 * @param {import('./store.js').Turn[]} turns
 * @param {string | null} user name of the person, if the server knows it
 * @returns {HistoryEntry[]}
 */
export function historyEntries(stored, turns, user) {
  const here = turns.filter((turn) => isOwn(turn, user)).map((turn) => ({ text: turn.question ?? '', turn: turn.turn }));
  const texts = new Set(here.map((one) => one.text));
  /** @type {Map<string, HistoryEntry>} */
  const all = new Map();
  for (const text of stored) if (!texts.has(text)) all.set(text, { text, turn: null });
  for (const one of here) {
    // A repeated question stands where it was asked last.
    all.delete(one.text);
    all.set(one.text, one);
  }
  return [...all.values()];
}

/** Without names everybody may edit every question. @param {import('./store.js').Turn} turn @param {string | null} user */
export function isOwn(turn, user) {
  return turn.question !== null && (turn.author === undefined || turn.author === user);
}

export class InputHistory {
  /** @type {HistoryEntry[]} */
  #all = [];
  /** Index into `#all`; its length means the draft. */
  #at = 0;
  #draft = '';

  /** Whether an earlier question is shown in place of the draft. */
  get isBrowsing() {
    return this.#at < this.#all.length;
  }

  /** The draft, whether it is shown or not. @param {string} text of the field */
  draft(text) {
    return this.isBrowsing ? this.#draft : text;
  }

  /** The earlier question that is shown. */
  get current() {
    return this.isBrowsing ? this.#all[this.#at] : null;
  }

  /**
   * Goes to the previous question.
   * @param {string} text of the field
   * @param {() => HistoryEntry[]} all called when browsing begins
   * @returns {string | null} new text of the field, `null` if there is no earlier question
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

  /** Goes to the next question, and from the newest to the draft. @returns {string | null} */
  forward() {
    if (!this.isBrowsing) return null;
    this.#at += 1;
    return this.isBrowsing ? this.#all[this.#at].text : this.#draft;
  }

  /** Begins to edit one question. @param {string} text of the field @param {HistoryEntry} one */
  edit(text, one) {
    this.#draft = this.draft(text);
    this.#all = [one];
    this.#at = 0;
  }

  /** Ends browsing and returns the draft. */
  leave() {
    const draft = this.#draft;
    this.#all = [];
    this.#at = 0;
    this.#draft = '';
    return draft;
  }
}
