/**
 * The state of the open conversation and the pure reducer that applies frames and local events to
 * it. Objects are never changed in place, so an unchanged turn stays the same object. Repeated frames
 * change nothing.
 */
import { AUTO, chosenAgent } from './agents.js';
import { addPart, setQuestion, changePart, changeTurn, dropAfter, applyThinking, applyHtml } from './turns.js';

/**
 * `seq` is the first sequence number of a part, `last` the newest of a text that grows.
 * @typedef {{kind: 'text', key: string, seq: number, last: number, html: string[]}} TextPart safe HTML, in pieces
 * @typedef {{kind: 'thinking', key: string, seq: number, last: number, content: string}} ThinkingPart
 * @typedef {{kind: 'tool', key: string, seq: number, tool: string, input: Record<string, unknown>,
 *   result: {seq: number, ok: boolean, content: string, truncated: boolean} | null}} ToolPart
 * @typedef {{kind: 'question', key: string, seq: number, callId: string,
 *   questions: import('./protocol.js').Question[], answered: boolean}} QuestionPart
 * @typedef {TextPart | ThinkingPart | ToolPart | QuestionPart} Part
 *
 * @typedef {{kind: 'done', seq: number, outcome: string, usage?: import('./protocol.js').Usage, costUsd?: number,
 *   durationMs?: number, stoppedBy?: string, withdrawn?: boolean, citations: import('./protocol.js').Citation[], filesRead: string[],
 *   commits: import('./protocol.js').Checkout[], notes: string[], answered?: import('./protocol.js').Answered, fallbackModel?: string}} DoneEnd
 * @typedef {{kind: 'error', seq: number, content: string, retryable: boolean, startOver: boolean,
 *   citations: import('./protocol.js').Citation[], filesRead: string[], commits: import('./protocol.js').Checkout[], notes: string[],
 *   answered?: import('./protocol.js').Answered, fallbackModel?: string}} ErrorEnd
 * @typedef {{turn: number, seq: number, question: string | null, author?: string, agent?: string,
 *   retryOf?: number, attachments?: import('./attachments.js').Attachment[], parts: Part[],
 *   citations?: import('./protocol.js').Citation[], end: DoneEnd | ErrorEnd | null}} Turn `agent` is the one that the
 *   question names, `retryOf` the turn whose question it repeats
 *
 * A message that the server has not accepted yet.
 * @typedef {{messageId: string, content: string, attachments?: import('./attachments.js').Attachment[]}} Pending
 *
 * @typedef {object} Conversation
 * @property {number | null} id
 * @property {string | null} title
 * @property {import('./protocol.js').AnsweringAgent | null} agent as the server told it last
 * @property {import('./protocol.js').AnsweringAgent | null} usualAgent the agent of the settings, once it is known
 * @property {string | null} pickedAgent name of the agent that was chosen since the last question
 * @property {'' | import('./agents.js').Effort} effort how thorough the next answers are to be; empty leaves it to the agent
 * @property {string | null} instructions HTML of what the operator tells the agents
 * @property {import('./protocol.js').ReadOnly | null} readOnly result of the server's self-test
 * @property {number} viewers people who read it, this one included
 * @property {string[]} people names of those that are known
 * @property {number} messageBytes size limit of a message, 0 while unknown
 * @property {import('./attachments.js').AttachmentLimits | null} attachmentLimits what may come with a question, `null` while unknown
 * @property {import('./protocol.js').Sharing | null} sharing whose it is, where users are known
 * @property {boolean} mayPublish whether the person may publish a frozen copy of it
 * @property {import('./protocol.js').ForkedFrom | null} forkedFrom where it goes on from, if it is a fork
 * @property {boolean} online whether this device has a network
 * @property {'connecting' | 'open' | 'lost' | 'ended'} connection
 * @property {number} closeCode of a connection that ended, else 0
 * @property {boolean} wasOpen whether there ever was a connection
 * @property {boolean} caughtUp whether the replay is complete
 * @property {string} state of the session
 * @property {string} detail the session's own description of its state
 * @property {string | null} notice why the last request was refused
 * @property {Turn[]} turns by number
 * @property {Record<number, import('./protocol.js').AnswerReactions>} reactions what people say of answers, by turns
 * @property {Pending[]} pending
 * @property {{messageId: string, turn: number | null} | null} asked what this page asked last, by its turn once that is known
 */

/**
 * @typedef {{type: 'connection', phase: 'connecting' | 'open' | 'lost' | 'ended', code?: number}} ConnectionEvent
 * @typedef {{type: 'submitted', message_id: string, content: string, attachments?: import('./attachments.js').Attachment[]}} SubmittedEvent
 * @typedef {{type: 'withdrawn', message_id: string}} WithdrawnEvent
 * @typedef {{type: 'answered', turn: number, call_id: string, message_id?: string}} AnsweredEvent
 * @typedef {{type: 'stopping'}} StoppingEvent
 * @typedef {{type: 'notice', content: string | null}} NoticeEvent
 * @typedef {{type: 'network', online: boolean}} NetworkEvent reported by the browser
 * @typedef {{type: 'agent-picked', name: string}} AgentPickedEvent for the next questions
 * @typedef {{type: 'effort-picked', effort: '' | import('./agents.js').Effort}} EffortPickedEvent likewise
 * @typedef {ConnectionEvent | SubmittedEvent | WithdrawnEvent | AnsweredEvent | StoppingEvent
 *   | NoticeEvent | NetworkEvent | AgentPickedEvent | EffortPickedEvent} LocalEvent
 */

/**
 * @param {number | null} id
 * @param {Pending[]} pending
 * @returns {Conversation}
 */
export function initialConversation(id, pending = []) {
  return {
    id, title: null, agent: null, instructions: null, usualAgent: null, pickedAgent: null, effort: '', readOnly: null, viewers: 1, people: [], messageBytes: 0, attachmentLimits: null, sharing: null, mayPublish: false, forkedFrom: null, online: true, connection: 'connecting',
    closeCode: 0, wasOpen: false, caughtUp: false, state: 'idle', detail: '', notice: null, turns: [], reactions: {}, pending, asked: null,
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
        ...before, id: event.conversation_id, title: event.title ?? null,
        agent: event.agent ?? null, instructions: event.instructions ?? null,
        readOnly: event.read_only ?? null, viewers: event.viewers ?? 1, people: event.people ?? [], messageBytes: event.message_bytes ?? 0,
        attachmentLimits: event.attachments ?? null, sharing: event.sharing ?? null, mayPublish: event.may_publish ?? false, forkedFrom: event.forked_from ?? null,
        state: event.state ?? 'idle', detail: '', caughtUp: false, reactions: {},
        turns: dropAfter(before.turns, event.after ?? 0),
      };
    case 'caught_up':
      return { ...before, caughtUp: true, usualAgent: chosenAgent({ ...before, pickedAgent: null }) === AUTO ? before.agent : before.usualAgent };
    case 'read_only':
      return { ...before, readOnly: { verdict: event.verdict, tried: event.tried, missing: event.missing } };
    case 'sharing': {
      const { type, ...sharing } = event;
      return { ...before, sharing };
    }
    case 'reactions':
      return { ...before, reactions: { ...before.reactions, ...Object.fromEntries(event.answers.map((of) => [of.turn, of])) } };
    case 'presence':
      return { ...before, viewers: event.viewers, people: event.people ?? [] };
    case 'citations':
      return setCitations(before, event);
    case 'title':
      return { ...before, title: event.title };
    case 'status':
      return { ...before, state: event.state, detail: event.detail ?? '' };
    case 'accepted': {
      const own = before.pending.find((pending) => pending.messageId === event.message_id);
      const after = removePending({ ...before, notice: null, asked: placeAsked(before, event) }, event.message_id);
      return own ? changeTurn(after, event, (turn) => setQuestion(turn, own.content, { attachments: own.attachments })) : after;
    }
    case 'user_message':
      return userMessage(before, event);
    case 'html':
      return changeTurn(before, event, (turn) => applyHtml(turn, event));
    case 'thinking':
      return changeTurn(before, event, (turn) => applyThinking(turn, event));
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
      return changeTurn({ ...before, asked: askedNow(event) ?? before.asked }, { ...event, seq: 0 }, (turn) => changePart(turn, `question ${event.call_id}`, (part) => (
        { ...part, answered: true })));
    case 'response_done':
      return endTurn(before, event, {
        kind: 'done', seq: event.seq, outcome: event.outcome ?? 'completed', usage: event.usage, costUsd: event.cost_usd,
        durationMs: event.duration_ms, stoppedBy: event.stopped_by, withdrawn: event.withdrawn === true, citations: event.citations ?? [],
        filesRead: event.files_read ?? [], commits: event.commits ?? [], notes: event.notes ?? [], answered: event.answered, fallbackModel: event.fallback_model,
      });
    case 'error':
      if (typeof event.turn === 'number') {
        const { turn, seq = 0, content, retryable } = event;
        return endTurn(before, { turn, seq }, {
          kind: 'error', seq, content, retryable: retryable !== false, startOver: event.start_over === true,
          citations: event.citations ?? [], filesRead: event.files_read ?? [], commits: event.commits ?? [], notes: event.notes ?? [],
          answered: event.answered, fallbackModel: event.fallback_model,
        });
      }
      return { ...removePending(before, event.message_id), notice: event.content };
    case 'submitted':
      return {
        ...before, notice: null, asked: askedNow(event),
        pending: [...before.pending, { messageId: event.message_id, content: event.content, attachments: event.attachments }],
      };
    case 'withdrawn':
      return removePending(before, event.message_id);
    case 'stopping':
      return { ...before, state: 'stopping', detail: '' };
    case 'notice':
      return { ...before, notice: event.content };
    case 'agent-picked':
      return { ...before, pickedAgent: event.name };
    case 'effort-picked':
      return { ...before, effort: event.effort };
    case 'network':
      return before.online === event.online ? before : { ...before, online: event.online };
    case 'connection':
      return connectionChanged(before, event);
    default:
      return before;
  }
}

/** Turns without an end: the first runs, the others wait. @param {Conversation} conversation */
export function unfinishedTurns(conversation) {
  return conversation.turns.filter((turn) => turn.turn > 0 && !turn.end);
}

/** @param {Conversation} before @param {ConnectionEvent} event @returns {Conversation} */
function connectionChanged(before, event) {
  const after = {
    ...before, connection: event.phase, closeCode: event.code ?? 0,
    wasOpen: before.wasOpen || event.phase === 'open',
  };
  if (event.phase !== 'lost' && event.phase !== 'ended') return after;
  // An answer to the agent may be lost with the connection, so it can be given again.
  const turns = before.turns.map((turn) => (turn.parts.some((part) => part.kind === 'question' && part.answered)
    ? { ...turn, parts: turn.parts.map((part) => (part.kind === 'question' ? { ...part, answered: false } : part)) }
    : turn));
  // Once the connection has ended, an earlier refusal does not matter.
  return { ...after, caughtUp: false, turns, notice: event.phase === 'ended' ? null : before.notice };
}

/**
 * A question of anyone. Its agent takes the place of the one that was picked here, except for a pick since
 * the question was sent.
 * @param {Conversation} before @param {import('./protocol.js').UserMessageFrame} event @returns {Conversation}
 */
function userMessage(before, event) {
  const { message_id: messageId, agent, retry_of: retryOf } = event;
  const isOwn = before.pending.some((pending) => pending.messageId === messageId);
  const isKnown = before.turns.some((turn) => turn.turn === event.turn && turn.agent === agent);
  const asked = placeAsked(before, event);
  const after = changeTurn(removePending(asked === before.asked ? before : { ...before, asked }, messageId), event, (turn) => (
    setQuestion(turn, event.content, event)));
  const follows = agent !== undefined && retryOf === undefined && !isKnown && (!isOwn || agent === before.pickedAgent);
  return follows ? { ...after, pickedAgent: null } : after;
}

/** @param {{message_id?: string}} event @returns {Conversation['asked']} */
const askedNow = ({ message_id: messageId }) => (messageId === undefined ? null : { messageId, turn: null });

/**
 * The question that this page asked last, once its turn is known.
 * @param {Conversation} before @param {{message_id?: string, turn?: number}} event @returns {Conversation['asked']}
 */
function placeAsked({ asked }, { message_id: messageId, turn }) {
  if (asked === null || asked.messageId !== messageId || turn === undefined || asked.turn === turn) return asked;
  return { ...asked, turn };
}

/** @param {Conversation} before @param {string | undefined} messageId @returns {Conversation} */
function removePending(before, messageId) {
  if (!before.pending.some((pending) => pending.messageId === messageId)) return before;
  return { ...before, pending: before.pending.filter((pending) => pending.messageId !== messageId) };
}

/**
 * @param {Conversation} before @param {import('./turns.js').TurnPosition} place @param {DoneEnd | ErrorEnd} how
 * @returns {Conversation}
 */
function endTurn(before, place, how) {
  const after = changeTurn(before, place, (turn) => {
    if (turn.end) return turn;
    // The end of an interrupted answer may lack citations that came while it streamed.
    return { ...turn, end: how, citations: how.citations.length > 0 ? how.citations : turn.citations ?? [] };
  });
  return unfinishedTurns(after).length === 0 ? { ...after, state: 'idle', detail: '' } : after;
}

/** @param {Conversation} before @param {import('./protocol.js').CitationsFrame} frame @returns {Conversation} */
function setCitations(before, { turn: number, citations }) {
  const turn = before.turns.find((one) => one.turn === number);
  if (!turn || turn.end) return before;
  return changeTurn(before, turn, (known) => ({ ...known, citations }));
}
