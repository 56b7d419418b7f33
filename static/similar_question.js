/**
 * Looks for a similar earlier question while the person types one: after a pause and
 * from a few words on.
 */

/** Characters from which a draft is looked up. */
export const MIN_LENGTH = 12;

/** Milliseconds without typing before the server is asked. */
export const PAUSE = 400;

/**
 * @typedef {object} TypingContext where the question is typed
 * @property {string} project
 * @property {number | null} conversation
 * @property {number} last number of its newest turn
 */

/**
 * The question to point to, if any: not the newest one here, nor one from here that is repeated word
 * for word.
 * @param {import('./api.js').SimilarQuestion[]} asked closest first @param {string} text @param {TypingContext} context
 */
export function pickSimilar(asked, text, { conversation, last }) {
  return asked.find((one) => one.conversation_id !== conversation
    || (one.turn !== last && one.question.trim() !== text.trim())) ?? null;
}

export class SimilarQuestionLookup {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer = undefined;
  #request = new AbortController();
  #text = '';

  /**
   * @param {(project: string, text: string, signal: AbortSignal) => Promise<import('./api.js').SimilarQuestion[]>} ask
   * @param {(found: import('./api.js').SimilarQuestion | null) => void} show
   */
  constructor(ask, show) {
    this.ask = ask;
    this.show = show;
  }

  /** @param {string} draft @param {TypingContext | null} context */
  draftChanged(draft, context) {
    const text = draft.trim();
    if (text === this.#text) return;
    this.#text = text;
    clearTimeout(this.#timer);
    this.#request.abort();
    if (text.length < MIN_LENGTH || !context) {
      this.show(null);
      return;
    }
    this.#timer = setTimeout(() => this.#lookUp(draft, context), PAUSE);
  }

  /** @param {string} draft @param {TypingContext} context */
  async #lookUp(draft, context) {
    const request = new AbortController();
    this.#request = request;
    // The hint is optional.
    const asked = await this.ask(context.project, draft, request.signal).catch(() => []);
    if (!request.signal.aborted) this.show(pickSimilar(asked, draft, context));
  }
}
