/** Search in the text of the project's files: the query, what came of it so far, and what is said of it. */
import { ApiError, problemOf } from './api.js';
import { BASE } from './base_path.js';

/** Milliseconds without typing before the server is asked. */
export const PAUSE = 250;

/**
 * @typedef {{text: string, isRegex: boolean, minds: boolean, paths: string, language: string}} TextQuery
 *   `minds` capital letters
 * @typedef {{line: number, from: number, pieces: import('./api.js').Piece[], cut: boolean}} LineHit
 * @typedef {{path: string, hits: LineHit[], more: boolean}} FileHits
 * @typedef {{searched: number, binary: number, too_large: number, unread: number, long_lines: number, cut_files: number}} Tally
 * @typedef {{cut: 'hits' | 'time' | null, hits: number, files: number, milliseconds: number, tally: Tally}} TextEnd
 * @typedef {{files: number, truncated: boolean, languages: {name: string, files: number}[]}} TextScope
 * @typedef {({type: 'scope'} & TextScope) | ({type: 'file'} & FileHits) | {type: 'progress', searched: number}
 *   | ({type: 'end'} & TextEnd) | {type: 'failed', detail: string}} TextFrame
 * @typedef {object} TextResults
 * @property {TextQuery} query
 * @property {'idle' | 'searching' | 'done' | 'failed'} phase
 * @property {number} lines that match, so far
 * @property {number} files with such lines
 * @property {number} searched files that were looked at
 * @property {TextScope | null} scope
 * @property {TextEnd | null} end
 * @property {string} problem why it failed
 */

/** @param {string} project @param {TextQuery} query */
export function textAddress(project, { text, isRegex, minds, paths, language }) {
  const query = new URLSearchParams({ q: text, ...(paths ? { paths } : {}), ...(language ? { language } : {}) });
  if (isRegex) query.set('regex', 'true');
  if (minds) query.set('case', 'true');
  return `${BASE}/api/projects/${project}/text?${query}`;
}

/** Searches, and tells what comes as it comes. @param {string} project @param {TextQuery} query @param {AbortSignal} signal @param {(frames: TextFrame[]) => void} onFrames */
export async function searchText(project, query, signal, onFrames) {
  const response = await fetch(textAddress(project, query), { signal, headers: { accept: 'application/x-ndjson, application/json' } }).catch((error) => {
    throw signal.aborted ? error : new ApiError('The server cannot be reached.', 0);
  });
  if (!response.ok || !response.body) throw await problemOf(response);
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const lines = (rest + value).split('\n');
    rest = lines.pop() ?? '';
    if (lines.length) onFrames(lines.map((line) => JSON.parse(line)));
  }
}

/** @param {number} number @param {string} one @param {string} many */
const count = (number, one, many) => `${number.toLocaleString('en')} ${number === 1 ? one : many}`;

/** @param {number} milliseconds */
const seconds = (milliseconds) => (milliseconds < 100 ? 'less than 0.1 s' : `${(milliseconds / 1000).toLocaleString('en', { maximumFractionDigits: milliseconds < 10_000 ? 1 : 0 })} s`);

/** What a search has come to, in words. @param {TextResults} results */
export function textSummary({ query, phase, lines, files, searched, scope, end, problem }) {
  if (phase === 'idle') return 'Type what a line must contain. No agent is asked.';
  if (phase === 'failed') return problem;
  const found = lines ? `${count(lines, 'line', 'lines')} in ${count(files, 'file', 'files')}` : '';
  if (!end) return `${found ? `${found} so far. ` : ''}Searching… ${searched ? `${count(searched, 'file', 'files')} of ${(scope?.files ?? searched).toLocaleString('en')} searched` : ''}`.trim();
  const took = seconds(end.milliseconds);
  const nothing = scope?.files === 0 ? 'No file is on these paths and in this language.' : `No line contains “${query.text}”.`;
  const all = `${count(end.tally.searched, 'file', 'files')} in ${took}`;
  const state = end.cut === null ? `Complete: ${all}.`
    : end.cut === 'time' ? `Cut after ${took}, with ${all.replace(` in ${took}`, '')} searched. Narrow the paths.`
      : `Cut at ${count(lines, 'line', 'lines')} after ${took}. Narrow the search.`;
  return [found ? `${found}.` : nothing, state, skipped(end.tally, scope)].filter(Boolean).join(' ');
}

/** @param {Tally} tally @param {TextScope | null} scope */
function skipped({ too_large: large, unread, long_lines: long }, scope) {
  const parts = [
    large ? `${count(large, 'file is', 'files are')} too large` : '',
    unread ? `${count(unread, 'file', 'files')} may not be read` : '',
    long ? `of ${count(long, 'line', 'lines')} only the beginning was searched` : '',
    scope?.truncated ? 'the project has more files than are listed' : '',
  ].filter(Boolean);
  return parts.length ? `Left out: ${parts.join('; ')}.` : '';
}

/** @type {TextQuery} */
const NOTHING = { text: '', isRegex: false, minds: false, paths: '', language: '' };

/** One search at a time: a new query ends the one before. */
export class TextSearch {
  /** @type {TextResults} */
  results = { query: NOTHING, phase: 'idle', lines: 0, files: 0, searched: 0, scope: null, end: null, problem: '' };
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer = undefined;
  #asking = new AbortController();

  /**
   * @param {(query: TextQuery, signal: AbortSignal, onFrames: (frames: TextFrame[]) => void) => Promise<void>} search
   * @param {(results: TextResults, added: FileHits[], isFirst: boolean) => void} changed with the files that were
   *   added; with `isFirst` those before are of another query
   */
  constructor(search, changed) {
    this.search = search;
    this.changed = changed;
  }

  /** @param {TextQuery} query @param {number} [pause] */
  ask(query, pause = PAUSE) {
    this.stop();
    if (query.text === '') {
      this.results = { ...this.results, query, phase: 'idle', lines: 0, files: 0, searched: 0, end: null };
      this.changed(this.results, [], true);
      return;
    }
    this.#timer = setTimeout(() => this.#run(query), pause);
  }

  stop() {
    clearTimeout(this.#timer);
    this.#asking.abort();
  }

  /** @param {TextQuery} query */
  async #run(query) {
    const asking = new AbortController();
    this.#asking = asking;
    const { scope } = this.results;
    this.results = { query, phase: 'searching', lines: 0, files: 0, searched: 0, scope, end: null, problem: '' };
    let isFirst = true;
    const show = (/** @type {FileHits[]} */ added) => {
      this.changed(this.results, added, isFirst);
      isFirst = false;
    };
    try {
      await this.search(query, asking.signal, (frames) => {
        if (asking.signal.aborted) return;
        show(frames.flatMap((frame) => this.#take(frame)));
      });
      if (!asking.signal.aborted && this.results.phase === 'searching') throw new Error('The connection was lost before the search ended.');
    } catch (error) {
      if (asking.signal.aborted) return;
      this.results = { ...this.results, phase: 'failed', problem: error instanceof Error ? error.message : String(error) };
      show([]);
    }
  }

  /** @param {TextFrame} frame @returns {FileHits[]} the file that it adds */
  #take(frame) {
    const { results } = this;
    if (frame.type === 'scope') this.results = { ...results, scope: frame };
    else if (frame.type === 'progress') this.results = { ...results, searched: frame.searched };
    else if (frame.type === 'end') this.results = { ...results, phase: 'done', end: frame };
    else if (frame.type === 'failed') this.results = { ...results, phase: 'failed', problem: frame.detail };
    else {
      this.results = { ...results, lines: results.lines + frame.hits.length, files: results.files + 1 };
      return [frame];
    }
    return [];
  }
}

/** Where a hit's matches are in its line, in UTF-16 units. @param {LineHit} hit @returns {[number, number][]} */
export function markedRanges({ from, pieces }) {
  let at = from;
  /** @type {[number, number][]} */
  const ranges = [];
  for (const { text, hit } of pieces) {
    if (hit) ranges.push([at, at + text.length]);
    at += text.length;
  }
  return ranges;
}
