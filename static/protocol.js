/** Version 1 of the wire protocol: every frame that the page sends or reads. The server's side is `src/wire`. */

/** The version that `start` asks for. */
export const PROTOCOL = 1;

/** Close codes after which the page does not reconnect. */
export const CLOSE_BAD_PROJECT_NAME = 4000;
export const CLOSE_NO_SUCH_PROJECT = 4004;
export const CLOSE_NO_SUCH_CONVERSATION = 4404;
/** Close codes of a server that is at its limit for now. */
export const CLOSE_TOO_MANY = 4429;
export const CLOSE_TRY_LATER = 1013;

/**
 * Client to server.
 * @typedef {{type: 'start', protocol: number, format: 'html', changes: true, conversation_id: number | null,
 *   after?: number, list: true | string}} StartFrame `list` asks for changes of the list, from a position on; `changes` asks for only the changed end of a part that grows
 * @typedef {{type: 'message', message_id: string, content: string, agent?: string, effort?: import('./agents.js').Effort, attachments?: string[]}} MessageFrame
 *   `agent` is to answer this and all later questions; `auto` for the one of the settings; `attachments` are ids
 * @typedef {{type: 'stop'}} StopFrame
 * @typedef {{type: 'answer', message_id: string, answers: Answers, call_id: string}} AnswerFrame
 * @typedef {{type: 'retry', message_id: string, turn: number, conversation_id?: number, agent?: string}} RetryFrame asks the turn's
 *   question again; if it is of another conversation, with a summary of that one
 * @typedef {{type: 'withdraw', turn: number}} WithdrawFrame takes back a question that waits
 * @typedef {{type: 'typing'}} TypingFrame the person is about to ask: the agent may start
 * @typedef {{type: 'ping'}} PingFrame
 * @typedef {StartFrame | MessageFrame | StopFrame | AnswerFrame | RetryFrame | WithdrawFrame | TypingFrame | PingFrame} ClientFrame
 *
 * Frames that the server accepts once, however often they are sent.
 * @typedef {MessageFrame | RetryFrame} AcceptedOnce
 *
 * Answers by the index of the question: a text, or the chosen labels.
 * @typedef {Record<string, string | string[]>} Answers
 */

/**
 * Server to client. Frames with `seq` are stored and come again after a reconnect.
 * @typedef {{type: 'conversation_created', conversation_id: number}} ConversationCreatedFrame
 * @typedef {{type: 'attached', conversation_id: number, title: string | null, seq: number,
 *   after: number, state: SessionState, agent: AnsweringAgent, instructions?: string, read_only?: ReadOnly, viewers: number, people?: string[], resumed: boolean,
 *   message_bytes?: number, attachments?: import('./attachments.js').AttachmentLimits, sharing?: Sharing, may_publish?: boolean, forked_from?: ForkedFrom}} AttachedFrame
 *   the frames that follow begin after `after`: the page removes what it shows beyond; `instructions` are HTML
 * @typedef {{type: 'caught_up', seq: number}} CaughtUpFrame
 * @typedef {{type: 'user_message', seq: number, turn: number, message_id?: string, author?: string, content: string, agent?: string,
 *   retry_of?: number, answers?: string, continues?: number, attachments?: import('./attachments.js').Attachment[]}} UserMessageFrame
 * @typedef {{type: 'accepted', message_id: string, seq: number, turn: number, position: number}} AcceptedFrame
 * @typedef {{type: 'html', seq: number, turn: number, block: number, part: number, parts: number, html: string,
 *   keep?: number, more?: boolean}} HtmlFrame replaces `part` of the block's `parts`, except for its first `keep`
 *   code units; with `more` it is shown together with the next frame
 * @typedef {{type: 'thinking', seq: number, turn: number, block: number, content: string, replace?: boolean}} ThinkingFrame
 * @typedef {{type: 'tool_call', seq: number, turn: number, call_id: string, tool: string,
 *   input: Record<string, unknown>}} ToolCallFrame
 * @typedef {{type: 'tool_result', seq: number, turn: number, call_id: string, ok: boolean,
 *   content: string, truncated: boolean}} ToolResultFrame
 * @typedef {{type: 'question', seq: number, turn: number, call_id: string, questions: Question[]}} QuestionFrame
 * @typedef {{usage?: Usage, cost_usd?: number, duration_ms?: number, first_text_ms?: number}} AnswerFacts
 * @typedef {{type: 'response_done', seq: number, turn: number, outcome: 'completed' | 'stopped' | 'interrupted',
 *   stopped_by?: string, withdrawn?: boolean, citations?: Citation[],
 *   files_read?: string[], commits?: Checkout[], notes?: string[], fallback_model?: string, answered?: Answered} & AnswerFacts} ResponseDoneFrame
 * @typedef {{type: 'error', seq?: number, turn?: number, message_id?: string, content: string,
 *   retryable?: boolean, retry_at?: string, start_over?: boolean, citations?: Citation[], files_read?: string[], commits?: Checkout[],
 *   notes?: string[], fallback_model?: string, answered?: Answered} & AnswerFacts} ErrorFrame `start_over`: a new conversation helps
 * @typedef {{type: 'status', state: SessionState, detail?: string, queue_position?: number}} StatusFrame
 * @typedef {{type: 'citations', turn: number, citations: Citation[]}} CitationsFrame of the answer so far
 * @typedef {{type: 'title', title: string}} TitleFrame
 * @typedef {{type: 'presence', viewers: number, people?: string[]}} PresenceFrame `people` are the names of those that are known
 * @typedef {{id: number, conversation: null | {id: number, title: string | null, created_at: string, updated_at: string, message_count: number, owner?: string, visibility?: string},
 *   answering: boolean, ended?: {turn: number, outcome: string, excerpt: string}}} ListChange without `conversation`, it is not in the list any more
 * @typedef {{type: 'list', at: string, reset?: boolean, answering?: number[], changes?: ListChange[]}} ListFrame
 *   with `reset`, the list is to be read, and `answering` tells where answers are being written
 * @typedef {{type: 'read_only'} & ReadOnly} ReadOnlyFrame the self-test has finished
 * @typedef {{type: 'sharing'} & Sharing} SharingFrame somebody has changed who may read the conversation
 * @typedef {{verdict: 'useful' | 'wrong', why?: string}} Reaction what a person says of an answer
 * @typedef {{turn: number, useful: number, wrong: number, reasons?: (Reaction & {user?: string, reacted_at: string})[], mine?: Reaction,
 *   note?: {by?: string, at: string}}} AnswerReactions how many people say so; the newest with a reason; what this person says; `note` if it is kept as one
 * @typedef {{type: 'reactions', answers: AnswerReactions[]}} ReactionsFrame people say something else of these answers than before
 * @typedef {{type: 'pong'}} PongFrame
 * @typedef {ConversationCreatedFrame | AttachedFrame | CaughtUpFrame | UserMessageFrame | AcceptedFrame
 *   | HtmlFrame | ThinkingFrame | ToolCallFrame | ToolResultFrame | QuestionFrame | ResponseDoneFrame
 *   | ErrorFrame | StatusFrame | CitationsFrame | TitleFrame | PresenceFrame | ListFrame | ReadOnlyFrame | SharingFrame | ReactionsFrame | PongFrame} ServerFrame
 *
 * @typedef {'starting' | 'waiting' | 'queued' | 'running' | 'retrying' | 'compacting' | 'stopping' | 'closed' | 'idle' | string} SessionState
 * @typedef {{owner?: string, visibility?: 'private', may_write: boolean, may_share: boolean}} Sharing whose the conversation is, where users are
 *   known; without `visibility` it is open to the team
 * @typedef {{conversation_id: number, turn: number}} ForkedFrom the turn that a fork goes on from
 * @typedef {{path: string, line?: number, end_line?: number, file?: string, found: boolean, why?: string,
 *   doubt?: 'ambiguous' | 'unchecked' | 'absent', candidates?: string[], lines_in_name?: boolean, read: boolean,
 *   commit?: string, anchor?: {commit?: string}}} Citation
 *   a reference to a file, as it was written; `file` is its path in the project, if it differs; `doubt` tells why it
 *   need not be wrong if it was not found; `candidates` may be meant
 * @typedef {{by?: {kind: string, name: string, model?: string}, at: string}} Answered the agent that gave an answer, and when it ended
 * @typedef {{member?: string, branch?: string, commit: string, is_changed?: boolean}} Checkout what is checked out in a directory of the project; `member` is that of a group
 * @typedef {{input_tokens: number, output_tokens: number, cache_read_tokens?: number, cache_write_tokens?: number}} Usage
 * @typedef {{name: string, kind: string, model?: string, attachments?: string, effort?: boolean}} AgentOption an agent that a question may name
 * @typedef {{kind: string, name?: string, model?: string, attachments?: string, effort?: boolean, choices?: AgentOption[],
 *   no_model?: string}} AnsweringAgent of the next question; `attachments` are the files that it takes, if known: `all`, `text`, `none`; `choices` if there are any; `no_model` tells why the guide answers where a model was wanted
 * @typedef {{verdict: 'proved' | 'partly' | 'off' | 'failed' | 'pending' | string, tried: string[], missing: string[]}} ReadOnly
 *   result of the self-test: whether the agent can write to the project
 * @typedef {{question: string, header?: string, options: {label: string, description?: string}[],
 *   multiSelect?: boolean}} Question
 */

/**
 * @param {number | null} conversationId `null` begins a new conversation
 * @param {number} after last sequence number received, 0 for none
 * @param {string} [list] position in the changes of the list, empty for none
 * @returns {StartFrame}
 */
export function start(conversationId, after, list = '') {
  /** @type {StartFrame} */
  const frame = {
    type: 'start', protocol: PROTOCOL, format: 'html', changes: true, conversation_id: conversationId, list: list || true,
  };
  if (after > 0) frame.after = after;
  return frame;
}

/**
 * @param {string} messageId made by the page
 * @param {string} content
 * @param {{agent?: string, effort?: import('./agents.js').Effort, attachments?: string[]}} [choices] agent that is to answer from now on, if
 *   it is another one; ids of the question's files
 * @returns {MessageFrame}
 */
export function message(messageId, content, { agent, effort, attachments = [] } = {}) {
  /** @type {MessageFrame} */
  const frame = { type: 'message', message_id: messageId, content };
  if (agent !== undefined) frame.agent = agent;
  if (effort !== undefined) frame.effort = effort;
  if (attachments.length > 0) frame.attachments = attachments;
  return frame;
}

/**
 * @param {string} messageId made by the page
 * @param {number} turn
 * @param {{conversation?: number, agent?: string}} [choices] conversation of the turn, if it is not this one;
 *   agent that is to answer, if it is not the usual one
 * @returns {RetryFrame}
 */
export function retry(messageId, turn, { conversation, agent } = {}) {
  /** @type {RetryFrame} */
  const frame = { type: 'retry', message_id: messageId, turn };
  if (conversation !== undefined) frame.conversation_id = conversation;
  if (agent !== undefined) frame.agent = agent;
  return frame;
}

/** @returns {StopFrame} */
export function stop() {
  return { type: 'stop' };
}

/**
 * @param {string} messageId made by the page
 * @param {string} callId tool call that asked
 * @param {Answers} answers
 * @returns {AnswerFrame}
 */
export function answer(messageId, callId, answers) {
  return { type: 'answer', message_id: messageId, call_id: callId, answers };
}

/** @param {number} turn @returns {WithdrawFrame} */
export function withdraw(turn) {
  return { type: 'withdraw', turn };
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
 * Reads a frame of the server. Returns `null` for anything else.
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
