/** The sources of an answer: files that the agent read, files it only named, files that do not exist. */
import { citationState, formatReference, citedReference } from '../reference.js';
import { element } from './dom.js';
import { marked } from './invisible_marks.js';
import { fileAddress } from './references.js';
import { movedTo, standingText, standingsSummary } from '../standing.js';

/**
 * @param {import('../store.js').DoneEnd | import('../store.js').ErrorEnd} end
 * @param {number} turn
 * @returns {HTMLElement | null} `null` if the answer has no sources
 */
export function sources(end, turn) {
  const { filesRead, citations } = end;
  const named = citations.filter((citation) => citation.found && !citation.read && !citation.commit);
  const commits = citations.filter((citation) => citation.found && citation.commit);
  const missing = citations.filter((citation) => citationState(citation) === 'wrong');
  const unsure = citations.filter((citation) => ['ambiguous', 'unchecked'].includes(citationState(citation)));
  if (filesRead.length + named.length + commits.length + missing.length + unsure.length === 0) return null;
  const summary = [count(filesRead.length, 'file read', 'files read')];
  if (named.length) summary.push(`${named.length} only named`);
  if (commits.length) summary.push(count(commits.length, 'commit', 'commits'));
  if (unsure.length) summary.push(`${unsure.length} not checked`);
  if (missing.length) summary.push(`${missing.length} not found`);
  const read = filesRead.map((path) => listItem(link({ path }, turn)));
  const others = named.map((citation) => listItem(link(citedReference(citation), turn), 'only named'));
  const open = unsure.map((citation) => listItem(
    element('span', { className: 'path' }, ...marked(formatReference(citation))), citation.why ?? 'not checked'));
  const gone = missing.map((citation) => listItem(
    element('s', {}, ...marked(formatReference(citation))), citation.why ?? 'not found', 'why'));
  const since = element('div', { className: 'since', role: 'status' });
  const details = element('details', {
    className: 'sources',
    // Each time: the project may have changed meanwhile.
    ontoggle: () => details.open && details.dispatchEvent(new CustomEvent('compare-references', {
      detail: { turn, show: (/** @type {import('../standing.js').ComparedCitation[]} */ all) => showStandings(since, all, turn) },
      bubbles: true,
    })),
  },
  element('summary', { className: missing.length ? 'warns' : '' }, summary.join(' · ')),
  element('ul', {}, ...read, ...others, ...commits.map((citation) => listItem(link(citedReference(citation), turn))), ...open, ...gone), since);
  return details;
}

/**
 * What has become of the cited places.
 * @param {HTMLElement} node @param {import('../standing.js').ComparedCitation[]} citations @param {number} turn
 */
function showStandings(node, citations, turn) {
  const items = citations.filter((citation) => standingText(citation) !== '').map((citation) => {
    const place = movedTo(citation);
    const was = element('span', { className: 'path' }, ...marked(formatReference(citedReference(citation))));
    return place ? element('li', {}, was, ' moved to ', link(place, turn)) : listItem(was, standingText(citation));
  });
  node.replaceChildren(element('p', {}, standingsSummary(citations)), ...(items.length ? [element('ul', {}, ...items)] : []));
}

/** @param {number} number @param {string} one @param {string} many */
const count = (number, one, many) => `${number} ${number === 1 ? one : many}`;

/** @param {HTMLElement} content @param {string} [note] @param {string} [noteClass] */
function listItem(content, note, noteClass = '') {
  const node = element('li', {}, content);
  if (note) node.append(' ', element('span', { className: noteClass }, note));
  return node;
}

/** @param {import('../reference.js').Reference} reference @param {number} turn */
function link(reference, turn) {
  const text = formatReference(reference);
  return element('a', {
    href: fileAddress(reference), 'data-reference': reference.path && text, 'data-turn': String(turn),
    ...(reference.commit ? { 'data-commit': reference.commit } : {}),
  }, ...marked(text));
}
