/**
 * Announcements of a streaming answer for screen readers: each part once, when it is complete.
 * What was there before the page was opened is not announced. Pure.
 */
import { plainProse } from './text.js';

/** Characters of a part that are announced. */
const MAX_LENGTH = 600;

export class Announcer {
  /** How many parts of each text need no announcement any more. @type {Map<string, number>} */
  #announced = new Map();
  #id = /** @type {number | null} */ (null);

  /** @param {(html: string) => string} read gives the spoken form of a part */
  constructor(read) {
    this.read = read;
  }

  /**
   * @param {import('./store.js').Conversation} before
   * @param {import('./store.js').Conversation} after
   * @returns {string[]} texts to announce
   */
  next(before, after) {
    if (after.id !== this.#id) this.#announced.clear();
    this.#id = after.id;
    // What the server replays on connecting is not news.
    if (!after.caughtUp || before.turns === after.turns && before.caughtUp) return [];
    const changed = before.caughtUp ? after.turns.filter((turn, index) => turn !== before.turns[index]) : after.turns;
    return changed.filter((turn) => turn.turn > 0).flatMap((turn) => (
      this.#turn(turn, before.caughtUp, before.turns.find((other) => other.turn === turn.turn)?.end ?? null)));
  }

  /**
   * @param {import('./store.js').Turn} turn @param {boolean} isLive
   * @param {import('./store.js').Turn['end']} ended its end before
   */
  #turn(turn, isLive, ended) {
    /** @type {string[]} */
    const texts = [];
    for (const part of turn.parts) {
      if (part.kind === 'question' && isLive && !this.#announced.has(`${turn.turn} ${part.key}`)) {
        texts.push(`The agent asks: ${part.questions.map((one) => one.question).join(' ')}`);
      }
      if (part.kind === 'question') this.#announced.set(`${turn.turn} ${part.key}`, 1);
      if (part.kind !== 'text') continue;
      const key = `${turn.turn} ${part.key}`;
      const from = this.#announced.get(key) ?? 0;
      // The last part may still grow.
      const isFinished = turn.end !== null || part !== turn.parts.at(-1);
      const to = isFinished ? part.html.length : part.html.length - 1;
      if (to <= from) continue;
      this.#announced.set(key, to);
      if (isLive) texts.push(...part.html.slice(from, to).map((html) => shorten(this.read(html))));
    }
    if (isLive && turn.end && !ended) texts.push(endText(turn.end));
    return texts.filter(Boolean);
  }
}

/** @param {string} text */
const shorten = (text) => (text.length > MAX_LENGTH ? `${text.slice(0, MAX_LENGTH)} … and more` : text);

/** @param {NonNullable<import('./store.js').Turn['end']>} end */
function endText(end) {
  if (end.kind === 'error') return plainProse(end.content);
  return { stopped: 'The answer was stopped.', interrupted: 'The answer was cut off.' }[end.outcome] ?? 'End of the answer.';
}
