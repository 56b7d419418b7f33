/** The sources of an answer: files that the agent read, files it only named, files that do not exist. */
import { citedReference, formatReference, groupSources } from '../reference.js';
import { element } from './dom.js';
import { icon } from './icon.js';
import { marked } from './invisible_marks.js';
import { fileAddress } from './references.js';
import { RovingFocus } from './roving_focus.js';
import { movedTo, standingText, standingsSummary } from '../standing.js';

/** Files that are shown without unfolding. */
const CHIPS = 5;

/**
 * @param {import('../store.js').DoneEnd | import('../store.js').ErrorEnd} end
 * @param {number} turn
 * @returns {HTMLElement | null} `null` if the answer has no sources
 */
export function sources(end, turn) {
  const { files, commits, unsure, missing } = groupSources(end.filesRead, end.citations);
  if (files.length + commits.length + unsure.length + missing.length === 0) return null;
  const named = files.filter((file) => !file.isRead).length;
  /** @type {(Node | string)[]} */
  const summary = [count(files.length - named, 'file read', 'files read')];
  if (named) summary.push(`${named} only named`);
  if (commits.length) summary.push(count(commits.length, 'commit', 'commits'));
  if (unsure.length) summary.push(`${citedIn(unsure)} not checked`);
  if (missing.length) summary.push(element('span', { className: 'why' }, `${citedIn(missing)} not found`));
  const items = [
    ...files.map((file) => fileItem(file, turn)),
    ...commits.map((citation) => element('li', {}, link(citedReference(citation), turn))),
    ...unsure.map(({ path, cited }) => unfoundItem('span', path, cited, 'not checked')),
    ...missing.map(({ path, cited }) => unfoundItem('s', path, cited, 'not found', 'why')),
  ];
  const since = element('div', { className: 'since', role: 'status' });
  const list = element('ul', {}, ...items);
  new RovingFocus(list, 'li').update();
  const details = element('details', {
    className: 'sources',
    // Each time: the project may have changed meanwhile.
    ontoggle: () => details.open && details.dispatchEvent(new CustomEvent('compare-references', {
      detail: { turn, show: (/** @type {import('../standing.js').ComparedCitation[]} */ all) => showStandings(since, all, turn) },
      bubbles: true,
    })),
  },
  element('summary', {}, element('span', {}, ...summary.flatMap((it, at) => (at ? [' · ', it] : [it])))),
  list, since);
  const chips = element('ul', { className: 'chips' }, ...chipsOf(files, turn));
  new RovingFocus(chips, 'li', { isRow: true }).update();
  return element('div', { className: 'sourced' }, ...(chips.firstChild ? [chips] : []), details);
}

/** The cited files, the others behind them, each with its first cited line. @param {import('../reference.js').SourceFile[]} files @param {number} turn */
function chipsOf(files, turn) {
  const cited = files.toSorted((one, other) => Number(other.places.length > 0) - Number(one.places.length > 0));
  return cited.slice(0, CHIPS).map(({ path, places }) => {
    const node = link(places[0] ?? { path }, turn);
    const text = formatReference(places[0] ?? { path });
    node.title = text;
    const name = path.slice(path.lastIndexOf('/') + 1);
    node.replaceChildren(icon(/\.(md|rst|txt|adoc)$/i.test(name) ? 'file' : 'code'), element('span', { className: 'name' }, ...marked(name)),
      ...(places.length ? [element('small', {}, text.slice(path.length + 1) + (places.length > 1 ? ` +${places.length - 1}` : ''))] : []));
    return element('li', {}, node);
  });
}

/** A file with links to its cited lines. @param {import('../reference.js').SourceFile} file @param {number} turn */
function fileItem({ path, isRead, places }, turn) {
  const links = places.map((place) => {
    const node = link(place, turn);
    node.setAttribute('aria-label', formatReference(place));
    node.replaceChildren(formatReference(place).slice(place.path.length + 1));
    return node;
  });
  const item = element('li', {}, link({ path }, turn), ...links.flatMap((it, at) => [at ? ', ' : ' ', it]));
  if (!isRead) item.append(' ', element('span', {}, 'only named'));
  return item;
}

/**
 * What was cited of a file that was not found, and why not.
 * @param {'s' | 'span'} tag @param {string} path @param {import('../reference.js').Citation[]} cited @param {string} why
 * @param {string} [whyClass]
 */
function unfoundItem(tag, path, cited, why, whyClass = '') {
  const places = cited.map((citation) => formatReference(citation).slice(path.length + 1)).filter(Boolean).join(', ');
  const reasons = [...new Set(cited.map((citation) => citation.why ?? why))].join('; ');
  return listItem(element(tag, { className: 'path' }, ...marked(places ? `${path}:${places}` : path)), reasons, whyClass);
}

/** @param {import('../reference.js').UnfoundFile[]} files */
const citedIn = (files) => files.reduce((all, { cited }) => all + cited.length, 0);

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
  const list = element('ul', {}, ...items);
  new RovingFocus(list, 'li').update();
  node.replaceChildren(element('p', {}, standingsSummary(citations)), ...(items.length ? [list] : []));
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
