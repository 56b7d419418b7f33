/**
 * State of the search: matching titles at once; messages, files and definitions when the server has
 * answered. Responses to earlier queries are dropped.
 */

/** Milliseconds without typing before the server is asked. */
export const PAUSE = 200;
/** The same where only files and definitions are looked for. */
export const CODE_PAUSE = 60;

/** Files and definitions each beside conversations, and by themselves. */
const MAX_BESIDE = 4;
const MAX_CODE = 20;

const MAX_TITLES = 6;
/** Conversations shown before anything is typed. */
const MAX_RECENT = 8;

/**
 * @typedef {{conversation: number, turn: number | null, title: import('./api.js').Piece[], at: string,
 *   role?: 'user' | 'assistant', note?: boolean, snippet?: import('./api.js').Piece[]}} SearchResult
 * @typedef {object} SearchResults
 * @property {string} typed
 * @property {SearchResult[]} titles
 * @property {SearchResult[]} messages
 * @property {import('./code_api.js').CodePlace[]} files
 * @property {import('./code_api.js').CodePlace[]} symbols definitions
 * @property {boolean} isCode whether only files and definitions are looked for
 * @property {'idle' | 'searching' | 'done' | 'failed'} phase of the search in messages
 * @property {boolean} more whether older messages match too
 * @property {string} problem why the search failed, empty if it did not
 */

/** Lower case without accents, for comparison. @param {string} text */
const normalize = (text) => text.normalize('NFD').replace(/\p{M}/gu, '').toLowerCase();

/** @param {string} typed */
const wordsOf = (typed) => normalize(typed).split(/[\s"]+/).filter(Boolean);

/**
 * Conversations whose titles contain all words, in the order of the list.
 * @param {import('./api.js').ConversationSummary[]} list @param {string} typed
 * @returns {SearchResult[]}
 */
export function matchTitles(list, typed) {
  const words = wordsOf(typed);
  const found = list.filter((listed) => {
    const title = normalize(listed.title ?? '');
    return words.every((word) => title.includes(word));
  });
  return found.slice(0, words.length ? MAX_TITLES : MAX_RECENT).map((listed) => ({
    conversation: listed.id, turn: null, title: markMatches(listed.title?.trim() || 'No messages yet', words), at: listed.updated_at,
  }));
}

/**
 * Splits a text into pieces and marks those that match a word.
 * @param {string} text @param {string[]} words normalized
 * @returns {import('./api.js').Piece[]}
 */
export function markMatches(text, words) {
  // Letter by letter, because normalizing may change the length of a text.
  const letters = [...text];
  const hits = letters.map(() => false);
  const normalized = letters.map(normalize);
  const whole = normalized.join('');
  for (const word of words) {
    for (let from = whole.indexOf(word); from >= 0; from = whole.indexOf(word, from + word.length)) {
      let at = 0;
      normalized.forEach((letter, index) => {
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
const toResult = (hit) => ({
  conversation: hit.conversation_id, turn: hit.turn, title: [{ text: hit.title?.trim() || 'No title', hit: false }],
  at: hit.timestamp, role: hit.role, snippet: hit.snippet, ...(hit.note ? { note: true } : {}),
});

/** The status line of the search. @param {SearchResults} found */
export function searchStatus({ typed, titles, messages, files, symbols, isCode, phase, more, problem }) {
  if (phase === 'failed') return isCode ? problem : `The messages could not be searched: ${problem}`;
  const code = files.length + symbols.length;
  if (isCode) {
    if (phase === 'searching') return code ? '' : 'Searching…';
    return code ? '' : `No file or definition matches “${typed.trim()}”. Try fewer letters.`;
  }
  if (phase === 'searching') return messages.length ? '' : 'Searching messages…';
  if (typed.trim() === '') return titles.length ? 'Type to search in titles, questions and answers.' : 'There is nothing to search yet.';
  if (titles.length + messages.length + code === 0) return `Nothing matches “${typed.trim()}”. Try fewer words, or the beginning of a word.`;
  return more ? 'There are older messages that match. Add a word to narrow the search.' : '';
}

export class SearchState {
  /** @type {SearchResults} */
  found = { typed: '', titles: [], messages: [], files: [], symbols: [], isCode: false, phase: 'idle', more: false, problem: '' };
  /** @type {import('./api.js').ConversationSummary[]} */
  #list = [];
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer = undefined;
  #asking = new AbortController();

  /**
   * @param {(typed: string, signal: AbortSignal) => Promise<{hits: import('./api.js').SearchHit[], more: boolean}>} search
   * @param {(found: SearchResults) => void} changed
   * @param {(typed: string, limit: number, signal: AbortSignal) => Promise<import('./code_api.js').CodePlaces>} [findCode]
   */
  constructor(search, changed, findCode = async () => ({ files: [], symbols: [] })) {
    this.search = search;
    this.changed = changed;
    this.findCode = findCode;
  }

  /** @param {import('./api.js').ConversationSummary[]} list @param {boolean} [isCode] whether only files and definitions are looked for */
  begin(list, isCode = false) {
    this.#list = list;
    this.found = { ...this.found, isCode, messages: [], files: [], symbols: [] };
    this.type('');
  }

  /** @param {string} typed */
  type(typed) {
    this.end();
    const { isCode } = this.found;
    const isEmpty = !isCode && !/[\p{L}\p{N}]/u.test(typed);
    // Messages stay until others are found, so that nothing flickers while the person types.
    this.#show({
      typed, titles: isCode ? [] : matchTitles(this.#list, typed), phase: isEmpty ? 'idle' : 'searching',
      ...(isEmpty ? { messages: [], files: [], symbols: [], more: false } : {}),
    });
    if (!isEmpty) this.#timer = setTimeout(() => this.#ask(typed), isCode ? CODE_PAUSE : PAUSE);
  }

  /** Cancels the search in messages. */
  end() {
    clearTimeout(this.#timer);
    this.#asking.abort();
  }

  /** @param {string} typed */
  async #ask(typed) {
    const asking = new AbortController();
    this.#asking = asking;
    const { isCode } = this.found;
    const findCode = async () => {
      const found = await this.findCode(typed, isCode ? MAX_CODE : MAX_BESIDE, asking.signal);
      if (!asking.signal.aborted) this.#show(isCode ? { ...found, phase: 'done' } : found);
    };
    // Beside conversations, files and definitions may be missing.
    if (!isCode) findCode().catch(() => null);
    try {
      if (isCode) {
        await findCode();
        return;
      }
      const { hits, more } = await this.search(typed, asking.signal);
      if (!asking.signal.aborted) this.#show({ messages: hits.map(toResult), more, phase: 'done' });
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
