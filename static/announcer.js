/**
 * What of a streaming answer is said to who listens instead of looking: each part once, when it is
 * finished. What was there before somebody came is not said. Pure.
 */

const LONGEST = 600;

export class Announcer {
  /** How many parts of a text were said, or are known. @type {Map<string, number>} */
  #said = new Map();
  #id = /** @type {number | null} */ (null);

  /** @param {(html: string) => string} read what is read in a part */
  constructor(read) {
    this.read = read;
  }

  /**
   * @param {import('./store.js').Conversation} before
   * @param {import('./store.js').Conversation} after
   * @returns {string[]} what is to be said now
   */
  next(before, after) {
    if (after.id !== this.#id) this.#said.clear();
    this.#id = after.id;
    // What came before it was caught up with is known, and not news.
    if (!after.caughtUp || before.turns === after.turns && before.caughtUp) return [];
    const changed = before.caughtUp ? after.turns.filter((turn, index) => turn !== before.turns[index]) : after.turns;
    return changed.filter((turn) => turn.turn > 0).flatMap((turn) => (
      this.#turn(turn, before.caughtUp, before.turns.find((other) => other.turn === turn.turn)?.end ?? null)));
  }

  /**
   * @param {import('./store.js').Turn} turn @param {boolean} isLive
   * @param {import('./store.js').Turn['end']} ended how it had ended before
   */
  #turn(turn, isLive, ended) {
    /** @type {string[]} */
    const said = [];
    for (const part of turn.parts) {
      if (part.kind === 'question' && isLive && !this.#said.has(`${turn.turn} ${part.key}`)) {
        said.push(`The agent asks: ${part.questions.map((one) => one.question).join(' ')}`);
      }
      if (part.kind === 'question') this.#said.set(`${turn.turn} ${part.key}`, 1);
      if (part.kind !== 'text') continue;
      const key = `${turn.turn} ${part.key}`;
      const from = this.#said.get(key) ?? 0;
      // The last one may still grow, unless something follows it.
      const isFinished = turn.end !== null || part !== turn.parts.at(-1);
      const to = isFinished ? part.html.length : part.html.length - 1;
      if (to <= from) continue;
      this.#said.set(key, to);
      if (isLive) said.push(...part.html.slice(from, to).map((html) => shorten(this.read(html))));
    }
    if (isLive && turn.end && !ended) said.push(endText(turn.end));
    return said.filter(Boolean);
  }
}

/** @param {string} text */
const shorten = (text) => (text.length > LONGEST ? `${text.slice(0, LONGEST)} … and more` : text);

/** @param {NonNullable<import('./store.js').Turn['end']>} end */
function endText(end) {
  if (end.kind === 'error') return end.content;
  return { stopped: 'The answer was stopped.', interrupted: 'The answer was cut off.' }[end.outcome] ?? 'End of the answer.';
}
