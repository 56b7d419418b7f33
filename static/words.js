/** What is said to the person, made from plain data: tool lines, states, costs, dates. Pure. */
import { CLOSE_BAD_PROJECT_NAME, CLOSE_NO_SUCH_CONVERSATION, CLOSE_NO_SUCH_PROJECT } from './protocol.js';
import { openTurns } from './store.js';

/** Inputs that tell most of what a tool call is about, the most telling first. */
const TELLING = ['file_path', 'path', 'pattern', 'query', 'command', 'url', 'name', 'description', 'prompt'];
const QUOTED = new Set(['pattern', 'query']);
const LONGEST_TELLING = 80;

/**
 * `mcp__features__feature_get_stats` is `feature_get_stats` to a person.
 * @param {string} tool
 */
export function toolName(tool) {
  return tool.split('__').at(-1) || tool;
}

/**
 * @param {Record<string, unknown>} input
 * @param {string} root the project's directory, which needs no telling
 */
export function tellingInput(input, root) {
  const order = 'pattern' in input || 'query' in input ? ['pattern', 'query', ...TELLING] : TELLING;
  const key = order.find((name) => typeof input[name] === 'string' && input[name] !== '')
    ?? Object.keys(input).find((name) => typeof input[name] === 'string' || typeof input[name] === 'number');
  if (key === undefined) return '';
  const text = withinProject(String(input[key]), root).replace(/\s+/g, ' ');
  const short = text.length > LONGEST_TELLING ? `${text.slice(0, LONGEST_TELLING - 1)}…` : text;
  return QUOTED.has(key) ? `"${short}"` : short;
}

/** @param {string} path @param {string} root */
function withinProject(path, root) {
  if (!root || !path.startsWith(root)) return path;
  const rest = path.slice(root.length);
  if (rest === '' || rest === '/') return '.';
  return rest.startsWith('/') ? rest.slice(1) : path;
}

/** @param {import('./store.js').ToolPart} part */
export function toolOutcome(part) {
  if (!part.result) return '';
  if (!part.result.ok) return 'failed';
  const { content, truncated } = part.result;
  if (content.trim() === '') return 'nothing';
  const lines = content.replace(/\n+$/, '').split('\n').length;
  return `${lines}${truncated ? '+' : ''} ${lines === 1 && !truncated ? 'line' : 'lines'}`;
}

/** What a running tool does. @param {import('./store.js').ToolPart} part @param {string} root */
function toolDoing(part, root) {
  const about = tellingInput(part.input, root);
  switch (part.tool) {
    case 'Read': return `Reading ${about}…`;
    case 'Grep': return `Searching for ${about}…`;
    case 'Glob': return `Looking for files ${about}…`;
    case 'WebFetch': return `Fetching ${about}…`;
    case 'WebSearch': return `Searching the web for ${about}…`;
    default: return `Using ${toolName(part.tool)}${about ? ` ${about}` : ''}…`;
  }
}

/**
 * The status line.
 * @param {import('./store.js').Conversation} conversation
 * @param {string} root the project's directory
 * @returns {{text: string, urgent: boolean, retry: boolean}} `retry`: trying to connect now can help
 */
export function status(conversation, root) {
  const quiet = (/** @type {string} */ text) => ({ text, urgent: false, retry: false });
  switch (conversation.connection) {
    case 'lost':
      return { text: 'The connection is gone; reconnecting (your text is kept)', urgent: true, retry: true };
    case 'ended': return quiet('');
    case 'connecting':
      return quiet(conversation.wasOpen ? 'Reconnecting… (your text is kept)' : 'Connecting…');
  }
  const open = openTurns(conversation);
  if (conversation.state === 'stopping') return quiet('Stopping…');
  if ((conversation.state === 'queued' || conversation.state === 'waiting') && conversation.detail) {
    return quiet(conversation.detail);
  }
  if (open.length > 1) {
    const before = open.length - 1;
    const questions = before === 1 ? '1 question' : `${before} questions`;
    return quiet(`Waiting: ${questions} before the last one. You can leave, the answer will be here.`);
  }
  const doing = open.length === 1 ? turnDoing(open[0], root) : '';
  if (conversation.state === 'running') return quiet(doing || conversation.detail || 'Thinking…');
  if (conversation.state === 'idle') return quiet(doing);
  return quiet(conversation.detail || STATE_WORDS[conversation.state] || doing);
}

/** @type {Record<string, string>} */
const STATE_WORDS = {
  starting: 'Starting the agent…',
  waiting: 'All agents are busy. You can leave, the answer will be here.',
  closed: 'The session was closed; the next question opens it again.',
  queued: 'Waiting for the questions before yours. You can leave, the answer will be here.',
  retrying: 'The agent’s service failed; trying again…',
};

/** @param {import('./store.js').Turn} turn @param {string} root */
function turnDoing(turn, root) {
  const last = turn.parts.at(-1);
  if (last?.kind === 'tool' && !last.result) return toolDoing(last, root);
  if (last?.kind === 'text') return 'Answering…';
  if (last?.kind === 'question' && !last.answered) return 'The agent has a question for you.';
  return 'Thinking…';
}

/** Why a connection is not tried again. @param {number} code */
export function endedWords(code) {
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
      words: `The kernel does not keep the agent from writing; only its own rules do.${missing}`,
    };
    default: return null;
  }
}

/** Time, tokens and cost of a turn. @param {import('./store.js').DoneEnd} end */
export function costs(end) {
  const parts = [];
  if (end.durationMs !== undefined && end.durationMs !== null) parts.push(duration(end.durationMs));
  const usage = end.usage;
  if (usage && (usage.input_tokens || usage.output_tokens)) {
    const read = usage.input_tokens + (usage.cache_read_tokens ?? 0) + (usage.cache_write_tokens ?? 0);
    parts.push(`${read.toLocaleString('en')} tokens read, ${usage.output_tokens.toLocaleString('en')} written`);
  }
  if (end.costUsd) parts.push(`$${end.costUsd.toFixed(end.costUsd < 1 ? 4 : 2)}`);
  return parts.join(' · ');
}

/** @param {number} milliseconds */
function duration(milliseconds) {
  if (milliseconds < 1000) return `${Math.round(milliseconds)} ms`;
  const seconds = milliseconds / 1000;
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  return `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
}

/**
 * The heading a conversation is listed under.
 * @param {string} timestamp
 * @param {Date} now
 */
export function day(timestamp, now) {
  const then = new Date(timestamp);
  const days = daysBetween(then, now);
  if (days <= 0) return 'Today';
  if (days === 1) return 'Yesterday';
  return days < 7 ? then.toLocaleDateString('en', { weekday: 'long' }) : 'Earlier';
}

/**
 * When something was, as short as its day allows: the hour within a week, the date before.
 * @param {string} timestamp
 * @param {Date} now
 */
export function moment(timestamp, now) {
  const then = new Date(timestamp);
  if (daysBetween(then, now) < 7) return hour(then);
  const year = then.getFullYear() === now.getFullYear() ? undefined : 'numeric';
  return then.toLocaleDateString('en-GB', { day: 'numeric', month: 'short', year });
}

/**
 * When something was, in full.
 * @param {string} timestamp
 */
export function wholeMoment(timestamp) {
  const then = new Date(timestamp);
  return `${then.toLocaleDateString('en-GB', { weekday: 'short', day: 'numeric', month: 'short', year: 'numeric' })}, ${hour(then)}`;
}

/** @param {Date} date */
const hour = (date) => date.toLocaleTimeString('en-GB', { hour: '2-digit', minute: '2-digit' });

/** @param {Date} then @param {Date} now */
const daysBetween = (then, now) => Math.round((midnight(now) - midnight(then)) / 86_400_000);

/** @param {Date} date */
const midnight = (date) => new Date(date.getFullYear(), date.getMonth(), date.getDate()).getTime();

/**
 * Three questions that teach what can be asked here.
 * @param {import('./api.js').Project} project
 */
export function examples(project) {
  return [
    'What is this project, and how is it laid out?',
    'Where does the program start, and what happens then?',
    project.has_spec
      ? 'What does the specification ask for that is not built yet?'
      : 'How is it built and tested?',
  ];
}
