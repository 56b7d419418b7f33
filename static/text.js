/** What is said to the person, made from plain data: states, ends, proofs, dates. Pure. */
import { CLOSE_BAD_PROJECT_NAME, CLOSE_NO_SUCH_CONVERSATION, CLOSE_NO_SUCH_PROJECT } from './protocol.js';
import { toolActivity } from './step_text.js';
import { unfinishedTurns } from './store.js';

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
    if (conversation.connection === 'lost') return { text: GONE, urgent: true, retry: true };
    return conversation.wasOpen ? { text: GONE, urgent: true, retry: false } : quiet('Connecting…');
  }
  const open = unfinishedTurns(conversation);
  if (conversation.state === 'stopping') return quiet('Stopping…');
  if ((conversation.state === 'queued' || conversation.state === 'waiting') && conversation.detail) {
    return quiet(sentence(conversation.detail));
  }
  if (open.length > 1) {
    return quiet(`Waiting: ${questions(open.length - 1)} before the last one. You can leave, the answer will be here.`);
  }
  const doing = open.length === 1 ? turnActivity(open[0], root) : '';
  if (conversation.state === 'running') return quiet(doing || localTimes(conversation.detail) || 'Thinking…');
  if (conversation.state === 'idle') return quiet(doing);
  return quiet(localTimes(conversation.detail) || STATE_TEXT[conversation.state] || doing);
}

/**
 * The server's words with its moments in this device's time: `until 2026-01-07 10:00 UTC` as `until 11:00`, with
 * the day where that is another one.
 * @param {string} text
 * @param {Date} [now]
 */
export function localTimes(text, now = new Date()) {
  return text.replace(/\b(\d{4}-\d\d-\d\d) (\d\d:\d\d) UTC\b/g, (written, day, time) => {
    const then = new Date(`${day}T${time}:00Z`);
    if (Number.isNaN(then.getTime())) return written;
    const hour = HOUR.format(then);
    if (daysBetween(then, now) === 0) return hour;
    const format = then.getFullYear() === now.getFullYear() ? DATE : DATE_AND_YEAR;
    return `${format.format(then)}, ${hour}`;
  });
}

const GONE = 'The connection is gone; reconnecting (your text is kept)';
const OFFLINE = 'This device is offline (your text is kept). What you ask is sent when it is back.';

/** @param {number} count */
const questions = (count) => (count === 1 ? '1 question' : `${count} questions`);

/** The server's details end as the place needs it. @param {string} text */
const sentence = (text) => (/[.…!?]$/.test(text) ? text : `${text}.`);

/**
 * What a question that waits is told, given how many are answered before it.
 * @param {number} ahead
 */
export function queuePositionText(ahead) {
  return `Waits: ${questions(ahead)} before this one.`;
}

/**
 * What is said of a part of the page that should have come just now. Browsers may keep in mind that it
 * did not, until the page is loaded again.
 * @param {string} part what is missing, as the beginning of a sentence
 */
export function loadFailureText(part) {
  return `${part} cannot be fetched from the server. Reload the page when the server can be reached again; your text is kept.`;
}

/** Who reads along. @param {number} viewers this page included */
export function viewersText(viewers) {
  return viewers > 1 ? `${viewers} people are reading this` : '';
}

/**
 * What "read-only" was tested to mean here: in one sentence, and every way that was tried.
 * @param {import('./protocol.js').ReadOnly | null} readOnly
 * @returns {{sentence: string, tried: string[]} | null} `null` while it is not known
 */
export function readOnlyText(readOnly) {
  const badge = readOnlyBadge(readOnly);
  if (!readOnly || !badge) return null;
  if (!['proved', 'partly'].includes(readOnly.verdict)) return { sentence: badge.words, tried: [] };
  const missing = readOnly.missing.length ? ` Not as it should be: ${readOnly.missing.join('; ')}.` : '';
  return {
    sentence: `When the server started, it tried in the agent’s place to change the project in ${readOnly.tried.length} ways. `
      + `The kernel refused all of them.${missing}`,
    tried: readOnly.tried,
  };
}

/** How a turn was stopped. @param {import('./store.js').DoneEnd} end */
export function stoppedText(end) {
  return end.stoppedBy ? `Stopped by ${end.stoppedBy}.` : 'Stopped.';
}

/**
 * Why a question is too long to be sent, empty when it is not.
 * @param {string} text @param {number} most bytes that the server takes, 0 while unknown
 */
export function tooLongText(text, most) {
  // A character has three bytes at most, so that short text needs no counting.
  if (most === 0 || text.length * 3 <= most) return '';
  const bytes = new TextEncoder().encode(text).length;
  if (bytes <= most) return '';
  const size = (/** @type {number} */ count) => `${Math.ceil(count / 1024).toLocaleString('en')} KiB`;
  return `This is too long to be sent: ${size(bytes)}, and ${size(most)} are taken. Shorten it by ${size(bytes - most)}.`;
}

/** @type {Record<string, string>} */
const STATE_TEXT = {
  starting: 'Starting the agent…',
  waiting: 'All agents are busy. You can leave, the answer will be here.',
  closed: 'The session was closed; the next question opens it again.',
  queued: 'Waiting for the questions before yours. You can leave, the answer will be here.',
  retrying: 'The agent’s service failed; trying again…',
  compacting: 'The conversation has become long; the agent is summarizing it…',
};

/** @param {import('./store.js').Turn} turn @param {string} root */
function turnActivity(turn, root) {
  const last = turn.parts.at(-1);
  if (last?.kind === 'tool' && !last.result) return toolActivity(last, root);
  if (last?.kind === 'text') return 'Answering…';
  if (last?.kind === 'question' && !last.answered) return 'The agent has a question for you.';
  return 'Thinking…';
}

/** Why a connection is not tried again. @param {number} code */
export function connectionEndedText(code) {
  switch (code) {
    case CLOSE_BAD_PROJECT_NAME:
    case CLOSE_NO_SUCH_PROJECT:
      return 'There is no such project here. Choose another one on the left, or look at how the server was started.';
    case CLOSE_NO_SUCH_CONVERSATION:
      return 'This conversation is gone: it was deleted, or nobody had written in it.';
    default: return 'The server ended the connection.';
  }
}

/** @param {string} kind */
export function agentName(kind) {
  return { claude: 'Claude', guide: 'built-in guide', none: 'no agent' }[kind] ?? kind;
}

/**
 * The badge of the proof that the agent cannot write: a word or two, and what was tried.
 * @param {import('./protocol.js').ReadOnly | null} readOnly
 * @returns {{text: string, words: string, isGood: boolean} | null}
 */
export function readOnlyBadge(readOnly) {
  if (!readOnly) return null;
  const missing = readOnly.missing.length ? ` Not as it should be: ${readOnly.missing.join('; ')}.` : '';
  const tried = `At its start the server tried, in the agent's place, to: ${readOnly.tried.join(', ')}.`;
  switch (readOnly.verdict) {
    case 'proved':
      return { text: 'read-only', words: `${tried} The kernel refused all of it.${missing}`, isGood: true };
    case 'partly':
      return { text: 'read-only, with gaps', words: `${tried} The kernel refused all of it.${missing}`, isGood: false };
    case 'off': return {
      text: 'not confined', isGood: false,
      words: 'The server was told not to confine the agent: only its own rules keep it from writing.',
    };
    case 'failed': return {
      text: 'not proved', isGood: false,
      words: `It is not proved that the kernel keeps the agent from writing.${missing}`,
    };
    default: return null;
  }
}

/**
 * The heading a conversation is listed under.
 * @param {string} timestamp
 * @param {Date} now
 */
export function dayHeading(timestamp, now) {
  const then = new Date(timestamp);
  const days = daysBetween(then, now);
  if (days <= 0) return 'Today';
  if (days === 1) return 'Yesterday';
  return days < 7 ? WEEKDAY.format(then) : 'Earlier';
}

/**
 * When something was, as short as its day allows: the hour within a week, the date before.
 * @param {string} timestamp
 * @param {Date} now
 */
export function shortTime(timestamp, now) {
  const then = new Date(timestamp);
  if (daysBetween(then, now) < 7) return HOUR.format(then);
  return (then.getFullYear() === now.getFullYear() ? DATE : DATE_AND_YEAR).format(then);
}

/**
 * When something was, in full.
 * @param {string} timestamp
 */
export function fullTime(timestamp) {
  const then = new Date(timestamp);
  return `${WHOLE_DATE.format(then)}, ${HOUR.format(then)}`;
}

// Made once: a list may have thousands of dates.
const WEEKDAY = new Intl.DateTimeFormat('en', { weekday: 'long' });
const HOUR = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit' });
const DATE = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short' });
const DATE_AND_YEAR = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', year: 'numeric' });
const WHOLE_DATE = new Intl.DateTimeFormat('en-GB', { weekday: 'short', day: 'numeric', month: 'short', year: 'numeric' });

/** @param {Date} then @param {Date} now */
const daysBetween = (then, now) => Math.round((midnight(now) - midnight(then)) / 86_400_000);

/** @param {Date} date */
const midnight = (date) => new Date(date.getFullYear(), date.getMonth(), date.getDate()).getTime();

/** Questions that can be asked of any project, until its own are known. */
export const EXAMPLE_QUESTIONS = [
  'What is this project, and how is it laid out?',
  'Where does the program start, and what happens then?',
  'How is it built and tested?',
];
