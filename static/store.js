/**
 * What is known of the open conversation, as plain data, and the one pure reducer that makes the
 * next state of it from a frame or from something the person did. Nothing is changed in place: a
 * turn that is the same object has not changed. Frames that come twice change nothing.
 */

/**
 * `seq` is the sequence number with which a thing was first seen, `last` the newest of a text.
 * @typedef {{kind: 'text', key: string, seq: number, last: number, html: string[]}} TextPart safe HTML, part by part
 * @typedef {{kind: 'thinking', key: string, seq: number, last: number, content: string}} ThinkingPart
 * @typedef {{kind: 'tool', key: string, seq: number, tool: string, input: Record<string, unknown>,
 *   result: {seq: number, ok: boolean, content: string, truncated: boolean} | null}} ToolPart
 * @typedef {{kind: 'question', key: string, seq: number, callId: string,
 *   questions: import('./protocol.js').Question[], answered: boolean}} QuestionPart
 * @typedef {TextPart | ThinkingPart | ToolPart | QuestionPart} Part
 *
 * @typedef {{kind: 'done', seq: number, outcome: string, usage?: import('./protocol.js').Usage, costUsd?: number,
 *   durationMs?: number, citations: import('./protocol.js').Citation[], filesRead: string[]}} DoneEnd
 * @typedef {{kind: 'error', seq: number, content: string, retryable: boolean}} ErrorEnd
 * @typedef {{turn: number, seq: number, question: string | null, author?: string, parts: Part[],
 *   citations?: import('./protocol.js').Citation[], end: DoneEnd | ErrorEnd | null}} Turn
 *
 * A message that is not accepted yet.
 * @typedef {{messageId: string, content: string}} Pending
 *
 * @typedef {object} Conversation
 * @property {number | null} id
 * @property {string | null} title
 * @property {string} agent kind of agent, empty while unknown
 * @property {import('./protocol.js').ReadOnly | null} readOnly what the server's self-test came to
 * @property {number} viewers
 * @property {'connecting' | 'open' | 'lost' | 'ended'} connection
 * @property {number} closeCode why the connection ended, 0 while it has not
 * @property {boolean} wasOpen whether there ever was a connection
 * @property {boolean} caughtUp whether what is shown is all there is
 * @property {string} state of the session
 * @property {string} detail the session's own words
 * @property {string | null} notice why the last request was refused
 * @property {Turn[]} turns by number
 * @property {Pending[]} pending
 */

/**
 * @typedef {{type: 'connection', phase: 'connecting' | 'open' | 'lost' | 'ended', code?: number}} ConnectionEvent
 * @typedef {{type: 'submitted', message_id: string, content: string}} SubmittedEvent
 * @typedef {{type: 'withdrawn', message_id: string}} WithdrawnEvent
 * @typedef {{type: 'answered', turn: number, call_id: string}} AnsweredEvent
 * @typedef {{type: 'stopping'}} StoppingEvent
 * @typedef {{type: 'notice', content: string | null}} NoticeEvent
 * @typedef {ConnectionEvent | SubmittedEvent | WithdrawnEvent | AnsweredEvent | StoppingEvent
 *   | NoticeEvent} LocalEvent
 */

/**
 * @param {number | null} id
 * @param {Pending[]} pending
 * @returns {Conversation}
 */
export function openConversation(id, pending = []) {
  return {
    id, title: null, agent: '', readOnly: null, viewers: 1, connection: 'connecting', closeCode: 0, wasOpen: false,
    caughtUp: false, state: 'idle', detail: '', notice: null, turns: [], pending,
  };
}

/**
 * The next state. Unknown frames change nothing.
 * @param {Conversation} before
 * @param {import('./protocol.js').ServerFrame | LocalEvent} event
 * @returns {Conversation}
 */
export function reduce(before, event) {
  switch (event.type) {
    case 'conversation_created':
      return { ...before, id: event.conversation_id };
    case 'attached':
      return {
        ...before, id: event.conversation_id, title: event.title ?? null, agent: event.agent?.kind ?? '',
        readOnly: event.read_only ?? null, viewers: event.viewers ?? 1, state: event.state ?? 'idle', detail: '', caughtUp: false,
        turns: dropBeyond(before.turns, event.after ?? 0),
      };
    case 'caught_up':
      return { ...before, caughtUp: true };
    case 'read_only':
      return { ...before, readOnly: { verdict: event.verdict, tried: event.tried, missing: event.missing } };
    case 'presence':
      return { ...before, viewers: event.viewers };
    case 'citations':
      return cite(before, event);
    case 'title':
      return { ...before, title: event.title };
    case 'status':
      return { ...before, state: event.state, detail: event.detail ?? '' };
    case 'accepted': {
      const own = before.pending.find((pending) => pending.messageId === event.message_id);
      const after = settle({ ...before, notice: null }, event.message_id);
      return own ? changeTurn(after, event, (turn) => ask(turn, own.content)) : after;
    }
    case 'user_message':
      return changeTurn(settle(before, event.message_id), event, (turn) => ask(turn, event.content, event.author));
    case 'html':
      return changeTurn(before, event, (turn) => showPart(turn, event));
    case 'thinking':
      return changeTurn(before, event, (turn) => growThinking(turn, event));
    case 'tool_call':
      return changeTurn(before, event, (turn) => addPart(turn, {
        kind: 'tool', key: `tool ${event.call_id}`, seq: event.seq, tool: event.tool, input: event.input ?? {},
        result: null,
      }));
    case 'tool_result': {
      const { seq, ok, content, truncated } = event;
      return changeTurn(before, event, (turn) => changePart(turn, `tool ${event.call_id}`, (part) => (
        { ...part, result: { seq, ok, content, truncated } })));
    }
    case 'question':
      return changeTurn(before, event, (turn) => addPart(turn, {
        kind: 'question', key: `question ${event.call_id}`, seq: event.seq, callId: event.call_id,
        questions: event.questions ?? [], answered: false,
      }));
    case 'answered':
      return changeTurn(before, { ...event, seq: 0 }, (turn) => changePart(turn, `question ${event.call_id}`, (part) => (
        { ...part, answered: true })));
    case 'response_done':
      return end(before, event, {
        kind: 'done', seq: event.seq, outcome: event.outcome ?? 'completed', usage: event.usage, costUsd: event.cost_usd,
        durationMs: event.duration_ms, citations: event.citations ?? [], filesRead: event.files_read ?? [],
      });
    case 'error':
      if (typeof event.turn === 'number') {
        const { turn, seq = 0, content, retryable } = event;
        return end(before, { turn, seq }, { kind: 'error', seq, content, retryable: retryable !== false });
      }
      return { ...settle(before, event.message_id), notice: event.content };
    case 'submitted':
      return {
        ...before, notice: null,
        pending: [...before.pending, { messageId: event.message_id, content: event.content }],
      };
    case 'withdrawn':
      return settle(before, event.message_id);
    case 'stopping':
      return { ...before, state: 'stopping', detail: '' };
    case 'notice':
      return { ...before, notice: event.content };
    case 'connection':
      return connectionChanged(before, event);
    default:
      return before;
  }
}

/** Turns that someone asked for and that are not over: the first runs, the others wait. @param {Conversation} conversation */
export function openTurns(conversation) {
  return conversation.turns.filter((turn) => turn.turn > 0 && !turn.end);
}

/** @param {Conversation} before @param {ConnectionEvent} event @returns {Conversation} */
function connectionChanged(before, event) {
  const after = {
    ...before, connection: event.phase, closeCode: event.code ?? 0,
    wasOpen: before.wasOpen || event.phase === 'open',
  };
  if (event.phase !== 'lost' && event.phase !== 'ended') return after;
  // An answer that was on its way may be lost: its card can be answered again.
  const turns = before.turns.map((turn) => (turn.parts.some((part) => part.kind === 'question' && part.answered)
    ? { ...turn, parts: turn.parts.map((part) => (part.kind === 'question' ? { ...part, answered: false } : part)) }
    : turn));
  // The words for an end of the connection say it all; what was refused before is moot.
  return { ...after, caughtUp: false, turns, notice: event.phase === 'ended' ? null : before.notice };
}

/** @param {Conversation} before @param {string | undefined} messageId @returns {Conversation} */
function settle(before, messageId) {
  if (!before.pending.some((pending) => pending.messageId === messageId)) return before;
  return { ...before, pending: before.pending.filter((pending) => pending.messageId !== messageId) };
}

/**
 * @param {Conversation} before @param {Place} place @param {DoneEnd | ErrorEnd} how
 * @returns {Conversation}
 */
function end(before, place, how) {
  const after = changeTurn(before, place, (turn) => {
    if (turn.end) return turn;
    return how.kind === 'done' ? { ...turn, end: how, citations: how.citations } : { ...turn, end: how };
  });
  return openTurns(after).length === 0 ? { ...after, state: 'idle', detail: '' } : after;
}

/** @param {Conversation} before @param {import('./protocol.js').CitationsFrame} frame @returns {Conversation} */
function cite(before, { turn: number, citations }) {
  const turn = before.turns.find((one) => one.turn === number);
  if (!turn || turn.end) return before;
  return changeTurn(before, turn, (known) => ({ ...known, citations }));
}

/**
 * What the server no longer has after a crash goes from the screen too, before it comes again.
 * @param {Turn[]} turns @param {number} after everything that began later goes
 * @returns {Turn[]}
 */
function dropBeyond(turns, after) {
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
 * @typedef {{turn: number, seq: number}} Place
 * @param {Conversation} before @param {Place} place @param {(turn: Turn) => Turn} change
 * @returns {Conversation}
 */
function changeTurn(before, { turn: number, seq }, change) {
  // The turn that changes is nearly always the last one.
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

/** @param {Turn} turn @param {string} content @returns {Turn} */
function ask(turn, content, author = turn.author) {
  if (turn.question === content && turn.author === author) return turn;
  return author === undefined ? { ...turn, question: content } : { ...turn, question: content, author };
}

/** @param {Turn} turn @param {import('./protocol.js').HtmlFrame} frame @returns {Turn} */
function showPart(turn, { seq, block, part: at, parts, html: text }) {
  const key = `text ${block}`;
  const known = /** @type {TextPart | undefined} */ (turn.parts.find((part) => part.key === key));
  if (!known) return addPart(turn, { kind: 'text', key, seq, last: seq, html: [text] });
  if (known.last === seq && known.html.length <= parts && known.html[at] === text) return turn;
  const html = known.html.slice(0, parts);
  html[at] = text;
  return changePart(turn, key, (part) => ({ ...part, last: seq, html }));
}

/** @param {Turn} turn @param {import('./protocol.js').ThinkingFrame} frame @returns {Turn} */
function growThinking(turn, frame) {
  const { type: kind, seq, content } = frame;
  const key = `${kind} ${frame.block}`;
  const known = /** @type {ThinkingPart | undefined} */ (turn.parts.find((part) => part.key === key));
  if (!known) return addPart(turn, { kind, key, seq, last: seq, content });
  // A replay in pieces begins with less than what is shown: it still replaces it.
  if (!frame.replace && known.last >= seq) return turn;
  return changePart(turn, key, (part) => (
    { ...part, last: seq, content: frame.replace ? content : part.content + content }));
}

/** @param {Turn} turn @param {Part} part @returns {Turn} */
function addPart(turn, part) {
  if (turn.parts.some((other) => other.key === part.key)) return turn;
  return { ...turn, parts: [...turn.parts, part] };
}

/** @param {Turn} turn @param {string} key @param {(part: any) => Part} change @returns {Turn} */
function changePart(turn, key, change) {
  const at = turn.parts.findIndex((part) => part.key === key);
  if (at < 0) return turn;
  const parts = turn.parts.slice();
  parts[at] = change(parts[at]);
  return { ...turn, parts };
}
