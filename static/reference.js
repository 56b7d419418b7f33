/** References to files: as an address has them, and as an answer's links are matched with what was found. Pure. */

/**
 * @typedef {{path: string, line?: number, end_line?: number}} Reference
 * @typedef {import('./protocol.js').Citation} Citation
 */

/** `src/a.rs`, `src/a.rs:2` or `src/a.rs:2-14`. @param {Reference} reference */
export function formatReference({ path, line, end_line }) {
  if (!line) return path;
  return end_line && end_line > line ? `${path}:${line}-${end_line}` : `${path}:${line}`;
}

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

/** Where a citation leads: its file from the project's root, and its lines. @param {Citation} citation @returns {Reference} */
export function citedReference({ path, file, line, end_line }) {
  return { path: file ?? path, line, end_line };
}

/** What was found of each reference, by how it was written. @param {Citation[]} citations @returns {Map<string, Citation>} */
export function byReference(citations) {
  return new Map(citations.map((citation) => [formatReference(citation), citation]));
}

/** What a reader is told about a citation. @param {Citation} citation */
export function citationText(citation) {
  const place = formatReference(citedReference(citation));
  if (!citation.found) return `${place}: ${citation.why ?? 'not found'}`;
  return citation.read ? `${place}, which the agent read` : `${place}, which the agent named and did not read`;
}

/**
 * The places that a conversation's answers lead to, in reading order.
 * @param {import('./store.js').Conversation | null} conversation
 * @returns {{turn: number, place: Reference}[]}
 */
export function citedReferences(conversation) {
  return (conversation?.turns ?? []).flatMap((turn) => (turn.citations ?? [])
    .filter((citation) => citation.found)
    .map((citation) => ({ turn: turn.turn, place: citedReference(citation) })));
}
