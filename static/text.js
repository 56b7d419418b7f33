/** Text that the page shows about the conversation: status, ends, limits, the self-test. Pure. */
import { localTimes } from './dates.js';
import { CLOSE_BAD_PROJECT_NAME, CLOSE_NO_SUCH_CONVERSATION, CLOSE_NO_SUCH_PROJECT } from './protocol.js';
import { toolActivity } from './step_text.js';
import { unfinishedTurns } from './store.js';

/** Why the page is slower than usual. */
export const WITHOUT_SOCKET = 'WebSockets do not get through to the server; a proxy may block them. The page goes on without them.';

export const CONNECTION_LOST = 'The connection is lost. Reconnecting… Your text is kept.';

const OFFLINE = 'This device is offline. Your text is kept, and questions are sent when the network is back.';

/** @type {Record<string, string>} */
const STATE_TEXT = {
  starting: 'Starting the agent…',
  waiting: 'All agents are busy. You can leave; the answer will be here.',
  closed: 'The session was closed. The next question opens it again.',
  queued: 'Waiting for the questions before yours. You can leave; the answer will be here.',
  retrying: 'The agent’s service failed. Trying again…',
  compacting: 'The conversation has become long. The agent is summarizing it…',
};

/** Characters of a question that its conversation's title has. */
const MAX_TITLE = 200;

/** Questions for any project, shown where the server cannot say. */
export const EXAMPLE_QUESTIONS = [
  'What is this project, and how is it laid out?',
  'Where does the program start, and what happens then?',
  'How is it built and tested?',
];

/**
 * The status line.
 * @param {import('./store.js').Conversation} conversation
 * @param {string} root the project's directory
 * @returns {{text: string, urgent: boolean, retry: boolean}} `retry`: trying to connect now can help
 */
export function statusLine(conversation, root) {
  const quiet = (/** @type {string} */ text) => ({ text, urgent: false, retry: false });
  if (conversation.connection === 'ended') return quiet('');
  if (conversation.connection !== 'open') {
    if (!conversation.online) return { text: OFFLINE, urgent: true, retry: false };
    if (conversation.connection === 'lost') return { text: CONNECTION_LOST, urgent: true, retry: true };
    return conversation.wasOpen ? { text: CONNECTION_LOST, urgent: true, retry: false } : quiet('Connecting…');
  }
  const open = unfinishedTurns(conversation);
  if (conversation.state === 'stopping') return quiet('Stopping…');
  if ((conversation.state === 'queued' || conversation.state === 'waiting') && conversation.detail) {
    return quiet(sentence(conversation.detail));
  }
  if (open.length > 1) {
    return quiet(`Waiting: ${questions(open.length - 1)} before the last one. You can leave; the answer will be here.`);
  }
  const activity = open.length === 1 ? turnActivity(open[0], root) : '';
  if (conversation.state === 'running') return quiet(activity || localTimes(conversation.detail) || 'Thinking…');
  if (conversation.state === 'idle') return quiet(activity);
  return quiet(localTimes(conversation.detail) || STATE_TEXT[conversation.state] || activity);
}

/**
 * What happens before an answer has anything to show, in the place of the answer; empty where the status line
 * says something else.
 * @param {import('./store.js').Conversation} conversation
 */
export function beginningText({ connection, state, detail }) {
  if (connection !== 'open' || state === 'stopping') return '';
  const told = localTimes(detail);
  if (state === 'running' || state === 'idle') return told || 'Thinking…';
  return told ? sentence(told) : STATE_TEXT[state] ?? '';
}

/** @param {import('./store.js').Turn} turn @param {string} root */
function turnActivity(turn, root) {
  const last = turn.parts.at(-1);
  if (last?.kind === 'tool' && !last.result) return toolActivity(last, root);
  if (last?.kind === 'text') return 'Answering…';
  if (last?.kind === 'question' && !last.answered) return 'The agent has a question for you.';
  return 'Thinking…';
}

/** Names of other people that are shown. */
const MAX_NAMES = 3;

/** @param {number} count */
const questions = (count) => (count === 1 ? '1 question' : `${count} questions`);

/** Ends a detail of the server with a full stop. @param {string} text */
const sentence = (text) => (/[.…!?]$/.test(text) ? text : `${text}.`);

/** @param {number} ahead questions that are answered before this one */
export function queuePositionText(ahead) {
  return `Waiting for ${questions(ahead)} before this one.`;
}

/**
 * The notice about a module that could not be loaded. Browsers may remember the failure until the page
 * is reloaded.
 * @param {string} part what is missing, as the beginning of a sentence
 */
export function loadFailureText(part) {
  return `${part} could not be loaded from the server. Reload the page when the server can be reached; your text is kept.`;
}

/**
 * Who else reads a conversation.
 * @param {number} viewers this person included @param {string[]} [people] names that are known @param {string | null} [own] name of this person
 */
export function viewersText(viewers, people = [], own = null) {
  if (viewers <= 1) return '';
  const names = people.filter((name) => name !== own).slice(0, MAX_NAMES);
  if (names.length === 0) return `${viewers} people are reading this`;
  const others = viewers - 1 - names.length;
  const all = others > 0 ? [...names, others === 1 ? '1 other' : `${others} others`] : names;
  const listed = all.length === 1 ? all[0] : `${all.slice(0, -1).join(', ')} and ${all.at(-1)}`;
  return `${listed} ${all.length === 1 && others <= 0 ? 'is' : 'are'} here`;
}

/**
 * Who may read a conversation, empty where everybody may.
 * @param {import('./protocol.js').Sharing | null | undefined} sharing @param {string | null} user name of the person
 */
export function sharingText(sharing, user) {
  if (sharing?.visibility !== 'private') return '';
  return sharing.owner === user ? 'Private' : `Shared by ${sharing.owner}, for reading`;
}

/** How a turn was stopped. @param {import('./store.js').DoneEnd} end */
export function stoppedText(end) {
  return `${end.withdrawn ? 'Withdrawn' : 'Stopped'}${end.stoppedBy ? ` by ${end.stoppedBy}` : ''}.`;
}

/**
 * Why a question is too long to be sent, empty if it is not.
 * @param {string} text @param {number} limit bytes that the server accepts, 0 while unknown
 */
export function tooLongText(text, limit) {
  // A character has three bytes at most, so that short text needs no counting.
  if (limit === 0 || text.length * 3 <= limit) return '';
  const bytes = new TextEncoder().encode(text).length;
  if (bytes <= limit) return '';
  const size = (/** @type {number} */ count) => `${Math.ceil(count / 1024).toLocaleString('en')} KiB`;
  return `The question is too long: ${size(bytes)}, and the limit is ${size(limit)}. Shorten it by ${size(bytes - limit)}.`;
}

/** A message of the server, or an item of a list, in sentence case. @param {string} text */
const sentenceCase = (text) => text.replace(/^[a-z][a-z’']*(?=[\s,])/, (word) => word[0].toUpperCase() + word.slice(1));

/**
 * A message of the server as a person reads it: sentence case, local times, and what stands between backticks as
 * code of its own.
 * @param {string} text
 * @returns {{text: string, isCode: boolean}[]}
 */
export function proseOf(text) {
  return sentenceCase(localTimes(text)).split(/`([^`\n]+)`/)
    .map((piece, at) => ({ text: piece, isCode: at % 2 === 1 })).filter((piece) => piece.text !== '');
}

/** The same as plain text. @param {string} text */
export const plainProse = (text) => proseOf(text).map((piece) => piece.text).join('');

/**
 * The title of a conversation. One that was cut from its first question is shown as far as there is room,
 * without the code that it quotes.
 * @param {import('./store.js').Conversation | null} conversation
 * @returns {string} one line, empty if it has none
 */
export function conversationTitle(conversation) {
  const first = conversation?.turns.find((turn) => turn.question !== null)?.question ?? '';
  const title = conversation?.title ?? '';
  const isCut = title.endsWith('...') && first.startsWith(title.slice(0, -3));
  const text = title && !isCut ? title : first.slice(0, MAX_TITLE);
  return (text.split(/\n\s*```/)[0].trim() || text).replace(/\s+/g, ' ').trim();
}

/** Why the page does not reconnect. @param {number} code the close code */
export function connectionEndedText(code) {
  switch (code) {
    case CLOSE_BAD_PROJECT_NAME:
    case CLOSE_NO_SUCH_PROJECT:
      return 'This server has no such project. Choose another one on the left, or check how the server was started.';
    case CLOSE_NO_SUCH_CONVERSATION:
      return 'This conversation is gone: it was deleted, had no messages, or is private now.';
    default: return 'The server ended the connection. Reload the page to connect again.';
  }
}

/** An agent and its model. @param {import('./agents.js').Agent} agent */
export function agentLabel({ kind, name = kind, model }) {
  const builtIn = { claude: 'Claude', guide: 'built-in guide', none: 'no agent', auto: 'default agent' }[name];
  const shown = name === kind ? builtIn ?? name : name;
  return model ? `${shown} · ${model}` : shown;
}

/**
 * The agents that a question may be asked of again; empty where there is no choice.
 * @param {import('./store.js').Conversation | null} conversation
 * @returns {{label: string, agent: string}[]}
 */
export function askAgainItems(conversation) {
  const choices = conversation?.agent?.choices ?? [];
  if (choices.length === 0) return [];
  const usual = conversation?.usualAgent;
  return [
    { label: usual ? `Default: ${agentLabel(usual)}` : 'Default agent', agent: 'auto' },
    ...choices.map((choice) => ({ label: agentLabel(choice), agent: choice.name })),
  ];
}

/** Who a question was asked of. @param {import('./agents.js').Agent} agent */
export function askedOfText({ kind, name }) {
  const label = agentLabel({ kind: name === 'auto' ? name : kind, name });
  return `Asked of ${/^(built-in|default) /.test(label) ? 'the ' : ''}${label}`;
}

/**
 * The result of the self-test: the words of its badge, a sentence, and every way that was tried.
 * @param {import('./protocol.js').ReadOnly | null} readOnly
 * @returns {{text: string, isGood: boolean, sentence: string, short?: string, tried: string[]} | null} `short` is the sentence in few words; `null` while it is not known
 */
export function readOnlyText(readOnly) {
  if (!readOnly) return null;
  switch (readOnly.verdict) {
    case 'proved': return { text: 'read-only', isGood: true, ...triedWays(readOnly), short: `Read-only: ${readOnly.tried.length} ways to write were tried at start, all refused` };
    case 'partly': return { text: 'read-only, with gaps', isGood: false, ...triedWays(readOnly) };
    case 'off': return {
      text: 'not confined', isGood: false, tried: [],
      sentence: 'The server was configured not to confine the agent: only the agent’s own rules keep it from writing.',
    };
    case 'failed': return {
      text: 'not proved', isGood: false, tried: [],
      sentence: `It is not proved that the kernel keeps the agent from writing.${problems(readOnly)}`,
    };
    default: return null;
  }
}

/** @param {import('./protocol.js').ReadOnly} readOnly */
function triedWays(readOnly) {
  return {
    sentence: `When the server started, it tried ${readOnly.tried.length} ways to change the project with the agent’s permissions. `
      + `The kernel refused all of them.${problems(readOnly)}`,
    tried: readOnly.tried,
  };
}

/** @param {import('./protocol.js').ReadOnly} readOnly */
const problems = ({ missing }) => (missing.length ? ` Problems: ${missing.join('; ')}.` : '');
