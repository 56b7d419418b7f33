/** What is said of a project while nothing was asked: one sentence on it, questions that fit it, its newest notes. */
import { errorMessage, findNotes, suggestQuestions } from './api.js';
import { checkoutText } from './reference.js';
import { EXAMPLE_QUESTIONS } from './text.js';

/** @typedef {{about: string, checkout: string, questions: string[], notes: import('./notes.js').Note[]}} Introduction */

/** Notes that are shown. */
const MAX_NOTES = 3;

/** @type {Introduction} */
const NOTHING = { about: '', checkout: '', questions: [], notes: [] };

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
      .then(({ about = '', questions, checkouts = [], warning = '' }) => ({ about, questions, checkout: [checkoutText(checkouts), warning].filter(Boolean).join('. ') }),
      (error) => ({ questions: EXAMPLE_QUESTIONS, checkout: errorMessage(error) }))
      .then((told) => this.#add(project, told));
    this.#readNotes(project);
    return NOTHING;
  }

  /** Reads the notes again where they are shown. @param {string} project */
  notesChanged(project) {
    if (this.#known.has(project)) this.#readNotes(project);
  }

  /** @param {string} project */
  #readNotes(project) {
    // They are optional.
    findNotes(project, '', undefined, MAX_NOTES).then(({ notes }) => this.#add(project, { notes }), () => null);
  }

  /** @param {string} project @param {Partial<Introduction>} told */
  #add(project, told) {
    this.#known.set(project, { ...(this.#known.get(project) ?? NOTHING), ...told });
    this.onKnown();
  }
}
