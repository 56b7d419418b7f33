/**
 * Whether much the same was asked before, found out while a question is typed: after a pause, from
 * a few words on, and never about the question that is being written anew.
 */

/** From so many characters on there is something to compare. */
export const SHORTEST = 12;

/** How long somebody must pause before the server is asked, in milliseconds. */
export const PAUSE = 400;

/**
 * @typedef {object} TypingContext where the question is typed
 * @property {string} project
 * @property {number | null} conversation
 * @property {number} last the newest turn there
 */

/**
 * The question to point to, if any: not the one that the person has just asked here, nor one here
 * that is taken up again word for word.
 * @param {import('./api.js').SimilarQuestion[]} asked the closest first @param {string} text @param {TypingContext} place
 */
export function pickSimilar(asked, text, { conversation, last }) {
  return asked.find((one) => one.conversation_id !== conversation
    || (one.turn !== last && one.question.trim() !== text.trim())) ?? null;
}

export class SimilarQuestionLookup {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer = undefined;
  #asking = new AbortController();
  #text = '';

  /**
   * @param {(project: string, text: string, signal: AbortSignal) => Promise<import('./api.js').SimilarQuestion[]>} ask
   * @param {(found: import('./api.js').SimilarQuestion | null) => void} show
   */
  constructor(ask, show) {
    this.ask = ask;
    this.show = show;
  }

  /** @param {string} typed the whole question so far @param {TypingContext | null} place */
  typed(typed, place) {
    const text = typed.trim();
    if (text === this.#text) return;
    this.#text = text;
    clearTimeout(this.#timer);
    this.#asking.abort();
    if (text.length < SHORTEST || !place) {
      this.show(null);
      return;
    }
    this.#timer = setTimeout(() => this.#look(typed, place), PAUSE);
  }

  /** @param {string} typed @param {TypingContext} place */
  async #look(typed, place) {
    const asking = new AbortController();
    this.#asking = asking;
    // A hint that cannot be had is not missed.
    const asked = await this.ask(place.project, typed, asking.signal).catch(() => []);
    if (!asking.signal.aborted) this.show(pickSimilar(asked, typed, place));
  }
}
