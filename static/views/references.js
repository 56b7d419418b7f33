/** References in answers: links to files that exist, struck out for files that do not. */
import { citationText, formatReference, parseReference, citedReference } from '../reference.js';
import { element, isPlainClick } from './dom.js';

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
    if (!citation || link.dataset.checked === String(citation.found)) continue;
    link.dataset.checked = String(citation.found);
    link.title = citationText(citation);
    if (citation.found) {
      const text = formatReference(citedReference(citation));
      link.href = fileAddress(text);
      link.dataset.reference = text;
      link.dataset.turn = String(turn);
      if (!citation.read) link.dataset.named = '';
      link.querySelector('.visually-hidden')?.remove();
    } else {
      link.removeAttribute('href');
      link.append(element('span', { className: 'visually-hidden' }, ` (not found: ${citation.why ?? 'no such file'})`));
    }
  }
}

/** The address of this conversation with a file beside it. @param {string} reference as text */
export const fileAddress = (reference) => `${location.pathname}?file=${encodeURIComponent(reference)}`;

/** Opens the file of a reference beside the conversation, unless the click asks for a new tab. @param {MouseEvent} event */
export function followReference(event) {
  const link = /** @type {HTMLElement | null} */ (/** @type {Element} */ (event.target).closest('a[data-reference]'));
  if (!link || !isPlainClick(event)) return;
  const reference = parseReference(link.dataset.reference ?? '');
  if (!reference) return;
  event.preventDefault();
  const turn = link.dataset.turn === undefined ? undefined : Number(link.dataset.turn);
  link.dispatchEvent(new CustomEvent('open-file', { detail: { reference, turn }, bubbles: true }));
}
