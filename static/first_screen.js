/** What is said of a project while nothing was asked: one sentence on it, and questions that fit it. */
import { suggestQuestions } from './api.js';
import { EXAMPLE_QUESTIONS } from './text.js';

/** @typedef {{about: string, questions: string[]}} Introduction */

/** @type {Introduction} */
const NOTHING = { about: '', questions: [] };

/** Whether nothing was asked in the open conversation. @param {import('./page.js').State} state */
export function isFirst({ conversation, project, problem }) {
  return problem === null && project !== null && conversation !== null && conversation.connection !== 'ended'
    && conversation.pending.length === 0 && (conversation.caughtUp || conversation.id === null)
    && conversation.turns.every((turn) => turn.turn === 0);
}

/** Introductions by project, asked for once. */
export class Introductions {
  /** @type {Map<string, Introduction>} */
  #known = new Map();

  /** @param {() => void} onKnown called when one has come */
  constructor(onKnown) {
    this.onKnown = onKnown;
  }

  /** @param {string} project @returns {Introduction} empty until it is known */
  of(project) {
    const known = this.#known.get(project);
    if (known) return known;
    this.#known.set(project, NOTHING);
    suggestQuestions(project)
      .then(({ about = '', questions }) => ({ about, questions }), () => ({ about: '', questions: EXAMPLE_QUESTIONS }))
      .then((told) => {
        this.#known.set(project, told);
        this.onKnown();
      });
    return NOTHING;
  }
}
