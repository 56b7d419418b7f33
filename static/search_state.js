/**
 * What the search shows for what is typed: conversations by their titles at once, messages when the
 * server has found them. Answers that nobody waits for any more are dropped.
 */

/** How long somebody must pause before the server is asked, in milliseconds. */
export const PAUSE = 200;

const MOST_TITLES = 6;
/** Conversations that are offered while nothing is typed. */
const MOST_RECENT = 8;

/**
 * @typedef {{conversation: number, turn: number | null, title: import('./api.js').Piece[], at: string,
 *   role?: 'user' | 'assistant', snippet?: import('./api.js').Piece[]}} SearchResult
 * @typedef {object} SearchResults
 * @property {string} typed
 * @property {SearchResult[]} titles
 * @property {SearchResult[]} messages
 * @property {'idle' | 'searching' | 'done' | 'failed'} phase of the search in messages
 * @property {boolean} more whether there are older messages
 * @property {string} problem why it failed
 */

/** Small letters without their accents, so that one is found by the other. @param {string} text */
const plain = (text) => text.normalize('NFD').replace(/\p{M}/gu, '').toLowerCase();

/** @param {string} typed */
const wordsOf = (typed) => plain(typed).split(/[\s"]+/).filter(Boolean);

/**
 * Conversations whose titles have all the words, in the order of the list.
 * @param {import('./api.js').ConversationSummary[]} list @param {string} typed
 * @returns {SearchResult[]}
 */
export function matchTitles(list, typed) {
  const words = wordsOf(typed);
  const found = list.filter((listed) => {
    const title = plain(listed.title ?? '');
    return words.every((word) => title.includes(word));
  });
  return found.slice(0, words.length ? MOST_TITLES : MOST_RECENT).map((listed) => ({
    conversation: listed.id, turn: null, title: markMatches(listed.title?.trim() || 'No words yet', words), at: listed.updated_at,
  }));
}

/**
 * A text in pieces, those with a word of the search marked.
 * @param {string} text @param {string[]} words plain ones
 * @returns {import('./api.js').Piece[]}
 */
export function markMatches(text, words) {
  // Letter by letter, because a text and its plain form need not be of one length.
  const letters = [...text];
  const hits = letters.map(() => false);
  const plains = letters.map(plain);
  const whole = plains.join('');
  for (const word of words) {
    for (let from = whole.indexOf(word); from >= 0; from = whole.indexOf(word, from + word.length)) {
      let at = 0;
      plains.forEach((letter, index) => {
        if (letter && at < from + word.length && at + letter.length > from) hits[index] = true;
        at += letter.length;
      });
    }
  }
  /** @type {import('./api.js').Piece[]} */
  const pieces = [];
  letters.forEach((letter, index) => {
    const last = pieces.at(-1);
    if (last?.hit === hits[index]) last.text += letter;
    else pieces.push({ text: letter, hit: hits[index] });
  });
  return pieces;
}

/** @param {import('./api.js').SearchHit} hit @returns {SearchResult} */
const option = (hit) => ({
  conversation: hit.conversation_id, turn: hit.turn, title: [{ text: hit.title?.trim() || 'No title', hit: false }],
  at: hit.timestamp, role: hit.role, snippet: hit.snippet,
});

/** What the status line of the search says. @param {SearchResults} found */
export function searchStatus({ typed, titles, messages, phase, more, problem }) {
  if (phase === 'failed') return `The messages could not be searched: ${problem}`;
  if (phase === 'searching') return messages.length ? '' : 'Searching the messages…';
  if (typed.trim() === '') return titles.length ? 'Type to search in titles, questions and answers.' : 'There is nothing to search yet.';
  if (titles.length + messages.length === 0) return `Nothing has all of “${typed.trim()}” in it. Try fewer words, or the beginning of one.`;
  return more ? 'There are older messages too: another word narrows the search.' : '';
}

export class SearchState {
  /** @type {SearchResults} */
  found = { typed: '', titles: [], messages: [], phase: 'idle', more: false, problem: '' };
  /** @type {import('./api.js').ConversationSummary[]} */
  #list = [];
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer = undefined;
  #asking = new AbortController();

  /**
   * @param {(typed: string, signal: AbortSignal) => Promise<{hits: import('./api.js').SearchHit[], more: boolean}>} search
   * @param {(found: SearchResults) => void} changed
   */
  constructor(search, changed) {
    this.search = search;
    this.changed = changed;
  }

  /** @param {import('./api.js').ConversationSummary[]} list */
  begin(list) {
    this.#list = list;
    this.type('');
  }

  /** @param {string} typed */
  type(typed) {
    this.end();
    const isEmpty = !/[\p{L}\p{N}]/u.test(typed);
    // What was found stays until something else is, so that nothing flickers while somebody types.
    this.#show({
      typed, titles: matchTitles(this.#list, typed), phase: isEmpty ? 'idle' : 'searching',
      ...(isEmpty ? { messages: [], more: false } : {}),
    });
    if (!isEmpty) this.#timer = setTimeout(() => this.#ask(typed), PAUSE);
  }

  /** Nobody waits for an answer any more. */
  end() {
    clearTimeout(this.#timer);
    this.#asking.abort();
  }

  /** @param {string} typed */
  async #ask(typed) {
    const asking = new AbortController();
    this.#asking = asking;
    try {
      const { hits, more } = await this.search(typed, asking.signal);
      if (!asking.signal.aborted) this.#show({ messages: hits.map(option), more, phase: 'done' });
    } catch (error) {
      if (asking.signal.aborted) return;
      this.#show({ messages: [], more: false, phase: 'failed', problem: error instanceof Error ? error.message : String(error) });
    }
  }

  /** @param {Partial<SearchResults>} changes */
  #show(changes) {
    this.found = { ...this.found, ...changes };
    this.changed(this.found);
  }
}
