/** What has become of cited places since the answer was given. Pure. */
import { citedReference, formatReference } from './reference.js';

/**
 * @typedef {{state: 'fresh' | 'moved' | 'changed' | 'gone' | 'unknown', file?: string, line?: number}} Standing
 * @typedef {import('./protocol.js').Citation & {standing: Standing}} ComparedCitation
 */

/** Where the place is now, if it moved. @param {ComparedCitation} citation @returns {import('./reference.js').Reference | null} */
export function movedTo(citation) {
  const { state, file, line } = citation.standing;
  if (state !== 'moved') return null;
  const before = citedReference(citation);
  const place = { path: file ?? before.path, line };
  if (!line || !before.line || !before.end_line) return place;
  return { ...place, end_line: line + before.end_line - before.line };
}

/** What has become of it; empty while it is as it was. @param {ComparedCitation} citation */
export function standingText(citation) {
  const { state } = citation.standing;
  if (state === 'moved') return `moved to ${formatReference(/** @type {any} */ (movedTo(citation)))}`;
  if (state === 'changed') return 'changed since';
  return state === 'gone' ? 'gone since' : '';
}

/** The same for who looks at the place; empty while it is as it was. @param {ComparedCitation} citation */
export function standingSentence(citation) {
  const text = standingText(citation);
  if (text === 'changed since') return 'This has changed since the answer was given.';
  if (text === 'gone since') return 'This file is gone since the answer was given.';
  return text && `What the answer cites here has ${text}.`;
}

/** All of an answer in a sentence. @param {ComparedCitation[]} citations */
export function standingsSummary(citations) {
  const found = citations.filter(({ found: isFound, commit }) => isFound && !commit);
  const unknown = found.filter(({ standing }) => standing.state === 'unknown').length;
  const other = found.filter((citation) => standingText(citation) !== '').length;
  if (found.length === 0) return '';
  if (other > 0) return 'Since this answer:';
  if (unknown === found.length) return 'What was cited cannot be compared with the project as it is now.';
  return 'What was cited is as it was.';
}

/** The state of a cited place in one or two words, for who looks at it. @param {ComparedCitation} citation */
export function standingWord({ standing: { state } }) {
  return { fresh: 'fresh', moved: 'moved', changed: 'changed since', gone: 'gone', unknown: '' }[state];
}
