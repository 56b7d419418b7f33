/**
 * Changes of turns: parts that are added, grow and are answered. Pure; returns the same object if
 * nothing changes.
 */

/**
 * @typedef {import('./store.js').Conversation} Conversation
 * @typedef {import('./store.js').Turn} Turn
 * @typedef {import('./store.js').Part} Part
 * @typedef {import('./store.js').TextPart} TextPart
 * @typedef {import('./store.js').ThinkingPart} ThinkingPart
 * @typedef {import('./store.js').ToolPart} ToolPart
 */

/**
 * Removes what the server lost in a crash, before it sends the rest again.
 * @param {Turn[]} turns @param {number} after sequence number of the last frame to keep
 * @returns {Turn[]}
 */
export function dropAfter(turns, after) {
  return turns.filter((turn) => turn.seq <= after).map((turn) => {
    if (turn.parts.every((part) => part.seq <= after && !isBeyond(part, after)) && !(turn.end && turn.end.seq > after)) {
      return turn;
    }
    const parts = turn.parts.filter((part) => part.seq <= after)
      .map((part) => (isBeyond(part, after) ? { ...part, result: null } : part));
    return { ...turn, parts, end: turn.end && turn.end.seq > after ? null : turn.end };
  });
}

/** @param {Part} part @param {number} after @returns {part is ToolPart} */
function isBeyond(part, after) {
  return part.kind === 'tool' && part.result !== null && part.result.seq > after;
}

/**
 * @typedef {{turn: number, seq: number}} TurnPosition
 * @param {Conversation} before @param {TurnPosition} place @param {(turn: Turn) => Turn} change
 * @returns {Conversation}
 */
export function changeTurn(before, { turn: number, seq }, change) {
  // It is nearly always the last turn.
  let at = before.turns.length - 1;
  while (at >= 0 && before.turns[at].turn > number) at -= 1;
  const known = at >= 0 && before.turns[at].turn === number ? before.turns[at] : null;
  const turn = change(known ?? { turn: number, seq, question: null, parts: [], end: null });
  if (turn === known) return before;
  const turns = before.turns.slice();
  if (known) turns[at] = turn;
  else turns.splice(at + 1, 0, turn);
  return { ...before, turns };
}

/**
 * @param {Turn} turn @param {string} content
 * @param {{author?: string, agent?: string, retry_of?: number, attachments?: import('./attachments.js').Attachment[]}} [details] what is missing stays as it is
 * @returns {Turn}
 */
export function setQuestion(turn, content, { author, agent, retry_of: retryOf, attachments } = {}) {
  const isSame = attachments !== undefined && attachments.length === turn.attachments?.length
    && attachments.every(({ id }, index) => id === turn.attachments?.[index].id);
  const files = isSame ? turn.attachments : attachments;
  const given = Object.entries({ question: content, author, agent, retryOf, attachments: files }).filter(([, value]) => value !== undefined);
  if (given.every(([name, value]) => turn[/** @type {keyof Turn} */ (name)] === value)) return turn;
  return { ...turn, ...Object.fromEntries(given) };
}

/** @param {Turn} turn @param {import('./protocol.js').HtmlFrame} frame @returns {Turn} */
export function applyHtml(turn, { seq, block, part: at, parts, keep = 0, html: rest }) {
  const key = `text ${block}`;
  const known = /** @type {TextPart | undefined} */ (turn.parts.find((part) => part.key === key));
  const text = keep > 0 ? (known?.html[at] ?? '').slice(0, keep) + rest : rest;
  // The whole text was withdrawn.
  if (parts === 1 && text === '') return known ? dropPart(turn, key) : turn;
  if (!known) return addPart(turn, { kind: 'text', key, seq, last: seq, html: [text] });
  if (known.last === seq && known.html.length <= parts && known.html[at] === text) return turn;
  const html = known.html.slice(0, parts);
  html[at] = text;
  return changePart(turn, key, (part) => ({ ...part, last: seq, html }));
}

/** @param {Turn} turn @param {import('./protocol.js').ThinkingFrame} frame @returns {Turn} */
export function applyThinking(turn, frame) {
  const { type: kind, seq, content } = frame;
  const key = `${kind} ${frame.block}`;
  const known = /** @type {ThinkingPart | undefined} */ (turn.parts.find((part) => part.key === key));
  if (frame.replace && content === '') return known ? dropPart(turn, key) : turn;
  if (!known) return addPart(turn, { kind, key, seq, last: seq, content });
  // The first piece of a replay is shorter than what it replaces.
  if (!frame.replace && known.last >= seq) return turn;
  return changePart(turn, key, (part) => (
    { ...part, last: seq, content: frame.replace ? content : part.content + content }));
}

/** @param {Turn} turn @param {Part} part @returns {Turn} */
export function addPart(turn, part) {
  if (turn.parts.some((other) => other.key === part.key)) return turn;
  return { ...turn, parts: [...turn.parts, part] };
}

/** @param {Turn} turn @param {string} key @returns {Turn} */
function dropPart(turn, key) {
  return { ...turn, parts: turn.parts.filter((part) => part.key !== key) };
}

/** @param {Turn} turn @param {string} key @param {(part: any) => Part} change @returns {Turn} */
export function changePart(turn, key, change) {
  const at = turn.parts.findIndex((part) => part.key === key);
  if (at < 0) return turn;
  const parts = turn.parts.slice();
  parts[at] = change(parts[at]);
  return { ...turn, parts };
}
