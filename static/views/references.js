/**
 * References in answers: links to files that exist, a choice where several may be meant, struck out where
 * a place is claimed that does not exist, and plain where a name is merely absent.
 */
import { visibleText } from '../invisible.js';
import { citationState, citationText, formatReference, parseReference, citedReference } from '../reference.js';
import { element, isPlainClick } from './dom.js';
import { marked } from './invisible_marks.js';

/**
 * @typedef {object} AnswerCitations
 * @property {number} turn
 * @property {Map<string, import('../protocol.js').Citation>} found by reference, as it was written
 */

/** @param {HTMLElement} node a part of an answer @param {AnswerCitations} citations */
export function markReferences(node, { turn, found }) {
  for (const link of /** @type {NodeListOf<HTMLAnchorElement>} */ (node.querySelectorAll('a.reference'))) {
    const { path, line, endLine } = link.dataset;
    const citation = found.get(formatReference({
      path: path ?? '', line: Number(line) || undefined, end_line: Number(endLine) || undefined,
    }));
    if (!citation) continue;
    const state = citationState(citation);
    const shown = `${state} ${citation.why ?? ''}`;
    if (link.dataset.shown === shown) continue;
    link.dataset.shown = shown;
    link.dataset.checked = String(citation.found);
    link.dataset.state = state;
    link.title = visibleText(citationText(citation));
    link.querySelector(':scope > .visually-hidden')?.remove();
    if (link.nextElementSibling?.matches('.candidates')) link.nextElementSibling.remove();
    if (citation.found) {
      link.removeAttribute('target');
      const reference = citedReference(citation);
      link.href = fileAddress(reference);
      link.dataset.reference = reference.path && formatReference(reference);
      if (reference.commit) link.dataset.commit = reference.commit;
      link.dataset.turn = String(turn);
      if (!citation.read && !citation.commit) link.dataset.named = '';
      continue;
    }
    if (link.hasAttribute('target')) continue;
    link.removeAttribute('href');
    if (state === 'wrong') {
      link.append(element('span', { className: 'visually-hidden' }, ` (not found: ${citation.why ?? 'no such file'})`));
    }
    if (citation.candidates?.length) link.after(candidates(citation, turn));
  }
}

/** Links to the files that may be meant. @param {import('../protocol.js').Citation} citation @param {number} turn */
function candidates(citation, turn) {
  const links = (citation.candidates ?? []).map((path) => {
    const reference = { path, line: citation.line, end_line: citation.end_line };
    return element('a', {
      href: fileAddress(reference), 'data-reference': formatReference(reference), 'data-turn': String(turn),
    }, ...marked(path));
  });
  const label = citationState(citation) === 'ambiguous' ? 'may be' : 'perhaps';
  return element('span', { className: 'candidates' }, ` (${label} `, ...links.flatMap((it, at) => (at ? [', ', it] : [it])), ')');
}

/** The address of this conversation with a file or a commit beside it. @param {import('../reference.js').Reference} reference */
export function fileAddress(reference) {
  const file = reference.path ? [`file=${encodeURIComponent(formatReference(reference))}`] : [];
  const commit = reference.commit ? [`commit=${encodeURIComponent(reference.commit)}`] : [];
  return `${location.pathname}?${[...file, ...commit].join('&')}`;
}

/**
 * What is named by a file's text and a commit; `null` if nothing is.
 * @param {string | null | undefined} text @param {string | null | undefined} commit
 * @returns {import('../reference.js').Reference | null}
 */
export function readReference(text, commit) {
  const file = parseReference(text ?? null);
  if (!commit) return file;
  return file ? { ...file, commit } : { path: '', commit };
}

/** Opens the file of a reference beside the conversation, unless the click asks for a new tab. @param {MouseEvent} event */
export function followReference(event) {
  const link = /** @type {HTMLElement | null} */ (/** @type {Element} */ (event.target).closest('a[data-reference]'));
  if (!link || !isPlainClick(event)) return;
  const reference = readReference(link.dataset.reference, link.dataset.commit);
  if (!reference) return;
  event.preventDefault();
  const turn = link.dataset.turn === undefined ? undefined : Number(link.dataset.turn);
  link.dispatchEvent(new CustomEvent('open-file', { detail: { reference, turn }, bubbles: true }));
}
