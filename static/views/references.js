/** Makes links of the references in an answer whose files exist, and strikes those whose files do not. */
import { citationText, formatReference, parseReference, citedReference } from '../reference.js';
import { element, isPlainClick } from './dom.js';

/**
 * @typedef {object} Citing what an answer's references are made links with
 * @property {number} turn
 * @property {Map<string, import('../protocol.js').Citation>} found
 */

/** @param {HTMLElement} node a part of an answer @param {Citing} citing */
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
      const place = formatReference(citedReference(citation));
      link.href = fileAddress(place);
      link.dataset.reference = place;
      link.dataset.turn = String(turn);
      if (!citation.read) link.dataset.named = '';
      link.querySelector('.visually-hidden')?.remove();
    } else {
      link.removeAttribute('href');
      link.append(element('span', { className: 'visually-hidden' }, ` (not found: ${citation.why ?? 'no such file'})`));
    }
  }
}

/** The address of this conversation with a file beside it. @param {string} place as it is written */
export const fileAddress = (place) => `${location.pathname}?file=${encodeURIComponent(place)}`;

/** Opens the file of a reference beside the conversation, unless the person asked for a tab of its own. @param {MouseEvent} event */
export function followReference(event) {
  const link = /** @type {HTMLElement | null} */ (/** @type {Element} */ (event.target).closest('a[data-reference]'));
  if (!link || !isPlainClick(event)) return;
  const place = parseReference(link.dataset.reference ?? '');
  if (!place) return;
  event.preventDefault();
  const turn = link.dataset.turn === undefined ? undefined : Number(link.dataset.turn);
  link.dispatchEvent(new CustomEvent('open-file', { detail: { place, turn }, bubbles: true }));
}
