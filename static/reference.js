/** References to files and lines, and citations made of them. Pure. */

/**
 * @typedef {{path: string, line?: number, end_line?: number, commit?: string}} Reference a file, as it was in
 *   `commit` if there is one; without a path, the commit itself
 * @typedef {import('./protocol.js').Citation} Citation
 */

/** `src/a.rs`, `src/a.rs:2`, `src/a.rs:2-14` or `commit 0123456789`. @param {Reference} reference */
export function formatReference({ path, line, end_line, commit }) {
  if (!path && commit) return `commit ${shortCommit(commit)}`;
  if (!line) return path;
  return end_line && end_line > line ? `${path}:${line}-${end_line}` : `${path}:${line}`;
}

/** The first digits of a commit's hash. @param {string} commit */
export const shortCommit = (commit) => commit.slice(0, 10);

/**
 * `main at 0123456789`, in a group with the project before it.
 * @param {import('./protocol.js').Checkout[]} checkouts
 */
export const checkoutText = (checkouts) => checkouts.map(({ member, branch, commit, is_changed: isChanged }) => (
  `${member ? `${member}: ` : ''}${branch ? `${branch} at ` : ''}${shortCommit(commit)}${isChanged ? ', with changes' : ''}`)).join(' · ');

/** @param {string | null} text @returns {Reference | null} */
export function parseReference(text) {
  const found = /^(.+?)(?::(\d{1,9})(?:-(\d{1,9}))?)?$/s.exec(text ?? '');
  if (!found) return null;
  const [, path, line, end] = found;
  /** @type {Reference} */
  const reference = { path };
  if (line) reference.line = Number(line);
  if (end && Number(end) > Number(line)) reference.end_line = Number(end);
  return reference;
}

/** The file, relative to the project, and the lines that a citation leads to, or the commit. @param {Citation} citation @returns {Reference} */
export function citedReference({ path, file, line, end_line, lines_in_name: isName, commit }) {
  if (commit) return { path: '', commit };
  if (isName) return { path: file ?? path };
  return { path: file ?? path, line, end_line };
}

/** Citations by their reference, as it was written. @param {Citation[]} citations @returns {Map<string, Citation>} */
export function byReference(citations) {
  return new Map(citations.map((citation) => [formatReference(citation), citation]));
}

/**
 * How a citation is shown: `wrong` claims a place that does not exist; `ambiguous`, `unchecked` and `absent`
 * were not found and need not be wrong.
 * @param {Citation} citation @returns {'found' | 'wrong' | 'ambiguous' | 'unchecked' | 'absent'}
 */
export function citationState({ found, doubt }) {
  return found ? 'found' : doubt ?? 'wrong';
}

/** A description of a citation. @param {Citation} citation */
export function citationText(citation) {
  const text = formatReference(citedReference(citation));
  if (!citation.found) return `${text}: ${citation.why ?? 'not found'}`;
  if (citation.commit) return text;
  return citation.read ? `${text}, which the agent read` : `${text}, which the agent named but did not read`;
}

/**
 * @typedef {{path: string, isRead: boolean, places: Reference[]}} SourceFile with the lines that are cited
 * @typedef {{path: string, cited: Citation[]}} UnfoundFile
 */

/**
 * The sources of an answer, by file: those that were read first, in the order of reading, then those that it only
 * names; and what was not found.
 * @param {string[]} filesRead @param {Citation[]} citations
 * @returns {{files: SourceFile[], commits: Citation[], unsure: UnfoundFile[], missing: UnfoundFile[]}}
 */
export function groupSources(filesRead, citations) {
  /** @type {Map<string, SourceFile>} */
  const files = new Map(filesRead.map((path) => [path, { path, isRead: true, places: [] }]));
  for (const citation of citations.filter(({ found, commit }) => found && !commit)) {
    const place = citedReference(citation);
    const file = files.get(place.path) ?? { path: place.path, isRead: citation.read, places: [] };
    files.set(place.path, file);
    const isNew = place.line && file.places.every((known) => formatReference(known) !== formatReference(place));
    if (isNew) file.places.push(place);
  }
  for (const { places } of files.values()) places.sort((one, other) => (one.line ?? 0) - (other.line ?? 0));
  const byPath = (/** @type {(citation: Citation) => boolean} */ are) => {
    /** @type {Map<string, UnfoundFile>} */
    const groups = new Map();
    for (const citation of citations.filter(are)) {
      const group = groups.get(citation.path) ?? { path: citation.path, cited: [] };
      groups.set(citation.path, group);
      group.cited.push(citation);
    }
    return [...groups.values()];
  };
  return {
    files: [...files.values()].sort((one, other) => Number(other.isRead) - Number(one.isRead)),
    commits: citations.filter(({ found, commit }) => found && commit),
    unsure: byPath((citation) => ['ambiguous', 'unchecked'].includes(citationState(citation))),
    missing: byPath((citation) => citationState(citation) === 'wrong'),
  };
}

/**
 * What the answers of a conversation cite, in reading order.
 * @param {import('./store.js').Conversation | null} conversation
 * @returns {{turn: number, reference: Reference}[]}
 */
export function citedReferences(conversation) {
  return (conversation?.turns ?? []).flatMap((turn) => (turn.citations ?? [])
    .filter((citation) => citation.found)
    .map((citation) => ({ turn: turn.turn, reference: citedReference(citation) })));
}
