/**
 * The wire contract, version 1: every frame that the page sends or understands.
 * The server's side of it is `src/wire`; both name the same frames.
 * Holds no state and opens no socket.
 */

/** The version that `start` asks for. */
export const PROTOCOL = 1;

/** How a server says, on closing, that connecting again is of no use. */
export const CLOSE_BAD_PROJECT_NAME = 4000;
export const CLOSE_NO_SUCH_PROJECT = 4004;
export const CLOSE_NO_SUCH_CONVERSATION = 4404;
/** How a server says that it is full for now. */
export const CLOSE_TOO_MANY = 4429;
export const CLOSE_TRY_LATER = 1013;

/**
 * Client to server.
 * @typedef {{type: 'start', protocol: number, format: 'html', changes: true, conversation_id: number | null,
 *   after?: number}} StartFrame `changes` asks for only what is new of a part that grows
 * @typedef {{type: 'message', message_id: string, content: string}} MessageFrame
 * @typedef {{type: 'stop'}} StopFrame
 * @typedef {{type: 'answer', message_id: string, answers: Answers, call_id: string}} AnswerFrame
 * @typedef {{type: 'retry', message_id: string, turn: number, conversation_id?: number}} RetryFrame asks the turn's
 *   question again; that of another conversation with a summary of it
 * @typedef {{type: 'typing'}} TypingFrame somebody is about to ask: the agent may start
 * @typedef {{type: 'ping'}} PingFrame
 * @typedef {StartFrame | MessageFrame | StopFrame | AnswerFrame | RetryFrame | TypingFrame | PingFrame} ClientFrame
 *
 * Frames that a server accepts once, however often they are sent.
 * @typedef {MessageFrame | RetryFrame} AcceptedOnce
 *
 * Answers by the question's index: one text, or the chosen labels.
 * @typedef {Record<string, string | string[]>} Answers
 */

/**
 * Server to client. Frames with `seq` are stored and come again after a reconnect.
 * @typedef {{type: 'conversation_created', conversation_id: number}} ConversationCreatedFrame
 * @typedef {{type: 'attached', conversation_id: number, title: string | null, seq: number,
 *   after: number, state: SessionState, agent: {kind: string}, read_only?: ReadOnly, viewers: number, resumed: boolean,
 *   message_bytes?: number}} AttachedFrame
 *   what follows begins after `after`: whatever is shown beyond it goes
 * @typedef {{type: 'caught_up', seq: number}} CaughtUpFrame
 * @typedef {{type: 'user_message', seq: number, turn: number, message_id?: string, author?: string, content: string,
 *   retry_of?: number, answers?: string, continues?: number}} UserMessageFrame
 * @typedef {{type: 'accepted', message_id: string, seq: number, turn: number, position: number}} AcceptedFrame
 * @typedef {{type: 'html', seq: number, turn: number, block: number, part: number, parts: number, html: string,
 *   keep?: number, more?: boolean}} HtmlFrame `part` of the block's `parts`, in place of what it was, or of what
 *   followed its first `keep` code units; with `more` it is shown together with the next
 * @typedef {{type: 'thinking', seq: number, turn: number, block: number, content: string, replace?: boolean}} ThinkingFrame
 * @typedef {{type: 'tool_call', seq: number, turn: number, call_id: string, tool: string,
 *   input: Record<string, unknown>}} ToolCallFrame
 * @typedef {{type: 'tool_result', seq: number, turn: number, call_id: string, ok: boolean,
 *   content: string, truncated: boolean}} ToolResultFrame
 * @typedef {{type: 'question', seq: number, turn: number, call_id: string, questions: Question[]}} QuestionFrame
 * @typedef {{type: 'response_done', seq: number, turn: number, outcome: 'completed' | 'stopped' | 'interrupted',
 *   usage?: Usage, cost_usd?: number, duration_ms?: number, stopped_by?: string, citations?: Citation[],
 *   files_read?: string[], notes?: string[], fallback_model?: string}} ResponseDoneFrame
 * @typedef {{type: 'error', seq?: number, turn?: number, message_id?: string, content: string,
 *   retryable?: boolean, retry_at?: string, start_over?: boolean, citations?: Citation[], files_read?: string[],
 *   notes?: string[], fallback_model?: string}} ErrorFrame `start_over`: a new conversation helps
 * @typedef {{type: 'status', state: SessionState, detail?: string, queue_position?: number}} StatusFrame
 * @typedef {{type: 'citations', turn: number, citations: Citation[]}} CitationsFrame of the answer that streams, so far
 * @typedef {{type: 'title', title: string}} TitleFrame
 * @typedef {{type: 'presence', viewers: number}} PresenceFrame
 * @typedef {{type: 'read_only'} & ReadOnly} ReadOnlyFrame the self-test has ended since
 * @typedef {{type: 'pong'}} PongFrame
 * @typedef {ConversationCreatedFrame | AttachedFrame | CaughtUpFrame | UserMessageFrame | AcceptedFrame
 *   | HtmlFrame | ThinkingFrame | ToolCallFrame | ToolResultFrame | QuestionFrame | ResponseDoneFrame
 *   | ErrorFrame | StatusFrame | CitationsFrame | TitleFrame | PresenceFrame | ReadOnlyFrame | PongFrame} ServerFrame
 *
 * @typedef {'starting' | 'waiting' | 'queued' | 'running' | 'retrying' | 'compacting' | 'stopping' | 'closed' | 'idle' | string} SessionState
 * @typedef {{path: string, line?: number, end_line?: number, file?: string, found: boolean, why?: string, read: boolean}} Citation
 *   a reference to a file, as it was written; `file` is its path where that is another
 * @typedef {{input_tokens: number, output_tokens: number, cache_read_tokens?: number, cache_write_tokens?: number}} Usage
 * @typedef {{verdict: 'proved' | 'partly' | 'off' | 'failed' | 'pending' | string, tried: string[], missing: string[]}} ReadOnly
 *   how it is proved that the agent cannot write to the project
 * @typedef {{question: string, header?: string, options: {label: string, description?: string}[],
 *   multiSelect?: boolean}} Question
 */

/**
 * @param {number | null} conversationId `null` begins a new conversation
 * @param {number} after the last sequence number seen, 0 for none
 * @returns {StartFrame}
 */
export function start(conversationId, after) {
  /** @type {StartFrame} */
  const frame = {
    type: 'start', protocol: PROTOCOL, format: 'html', changes: true, conversation_id: conversationId,
  };
  if (after > 0) frame.after = after;
  return frame;
}

/**
 * @param {string} messageId the page's own id: the server accepts it once
 * @param {string} content
 * @returns {MessageFrame}
 */
export function message(messageId, content) {
  return { type: 'message', message_id: messageId, content };
}

/**
 * @param {string} messageId as for a message
 * @param {number} turn
 * @param {number} [conversation] of which the turn is, where it is another one
 * @returns {RetryFrame}
 */
export function retry(messageId, turn, conversation) {
  /** @type {RetryFrame} */
  const frame = { type: 'retry', message_id: messageId, turn };
  if (conversation !== undefined) frame.conversation_id = conversation;
  return frame;
}

/** @returns {StopFrame} */
export function stop() {
  return { type: 'stop' };
}

/**
 * @param {string} messageId as for a message
 * @param {string} callId the call that asked
 * @param {Answers} answers
 * @returns {AnswerFrame}
 */
export function answer(messageId, callId, answers) {
  return { type: 'answer', message_id: messageId, call_id: callId, answers };
}

/** @returns {TypingFrame} */
export function typing() {
  return { type: 'typing' };
}

/** @returns {PingFrame} */
export function ping() {
  return { type: 'ping' };
}

/**
 * Reads one frame of the server. What is no frame gives `null`.
 * @param {unknown} text
 * @returns {ServerFrame | null}
 */
export function parse(text) {
  if (typeof text !== 'string') return null;
  try {
    const frame = JSON.parse(text);
    return typeof frame?.type === 'string' ? frame : null;
  } catch {
    return null;
  }
}
