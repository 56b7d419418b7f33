/** What an answer rests on: the files that the agent read for it, and those that it only named or that do not exist. */
import { formatReference, citedReference } from '../reference.js';
import { element } from './dom.js';
import { fileAddress } from './references.js';

/**
 * @param {import('../store.js').DoneEnd | import('../store.js').ErrorEnd} end
 * @param {number} turn
 * @returns {HTMLElement | null} nothing where no file plays a part
 */
export function sources(end, turn) {
  const { filesRead, citations } = end;
  const named = citations.filter((citation) => citation.found && !citation.read);
  const missing = citations.filter((citation) => !citation.found);
  if (filesRead.length + citations.length === 0) return null;
  const summary = [count(filesRead.length, 'file read', 'files read')];
  if (named.length) summary.push(`${named.length} only named`);
  if (missing.length) summary.push(`${missing.length} not found`);
  const read = filesRead.map((path) => item(link({ path }, turn)));
  const others = named.map((citation) => item(link(citedReference(citation), turn), 'only named'));
  const gone = missing.map((citation) => item(
    element('s', {}, formatReference(citation)), citation.why ?? 'not found', true));
  return element('details', { className: 'sources' },
    element('summary', { className: missing.length ? 'warns' : '' }, summary.join(' · ')),
    element('ul', {}, ...read, ...others, ...gone));
}

/** @param {number} number @param {string} one @param {string} many */
const count = (number, one, many) => `${number} ${number === 1 ? one : many}`;

/** @param {HTMLElement} what @param {string} [note] @param {boolean} [isWarning] */
function item(what, note, isWarning = false) {
  const item = element('li', {}, what);
  if (note) item.append(' ', element('span', { className: isWarning ? 'why' : '' }, note));
  return item;
}

/** @param {import('../reference.js').Reference} place @param {number} turn */
function link(place, turn) {
  const text = formatReference(place);
  return element('a', {
    href: fileAddress(text), 'data-reference': text, 'data-turn': String(turn),
  }, text);
}
