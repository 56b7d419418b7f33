/** Text about sessions and the server on the admin page. Pure. */
import { shortCommit } from '../reference.js';
import { money } from '../usage.js';

/**
 * @typedef {{conversation_id: number, title: string | null, state: string, turn: number | null, queued: number,
 *   viewers: number, laggards: number, restarts: number, last_event_at: string, seq: number,
 *   agent: {name: string, kind: string, pid: number | null, memory_bytes: number | null, started_at: string} | null,
 *   spent: {input_tokens: number, output_tokens: number, cost_usd: number}}} LiveConversation
 * @typedef {{project: string, state: 'live' | 'restarting' | 'given_up' | 'closing', restarts: number,
 *   conversations: LiveConversation[] | null, node?: string}} Session
 * @typedef {{version: string, started_at: string, refusal: string | null,
 *   agents: {running: number, waiting: number, most: number},
 *   database: {bytes: number | null, problem: string | null, commits: number, commit_failures: number, commit_seconds: number},
 *   sandbox: {verdict: string, missing: string[], attempts: {what: string, expected: string, outcome: string, detail: string}[]} | null,
 *   nodes?: NodeStatus[]}} ServerStatus
 * @typedef {{node: string, answers: boolean, version?: string, refusal?: string | null,
 *   agents?: {running: number, waiting: number, most: number}}} NodeStatus
 *
 * @typedef {{project: string, remote: string, branch?: string, commit?: string, fetched_at?: string, looked_at?: string, problem?: string}} GitProject
 * @typedef {{text: string, isUrgent?: boolean, title?: string}} Cell
 */

/** The columns between the title of a conversation and its button. */
export const COLUMNS = ['State', 'Viewers', 'Agent', 'Memory', 'Started', 'Last event', 'Waiting', 'Tokens', 'Cost', 'Restarts'];

/** @param {LiveConversation} conversation @param {number} now in milliseconds @returns {Cell[]} one for each column */
export function cells({ state, turn, viewers, laggards, agent, last_event_at, queued, spent, restarts }, now) {
  const { input_tokens: read, output_tokens: written } = spent;
  return [
    { text: turn === null ? state : `${state}, turn ${turn}` },
    { text: laggards > 0 ? `${viewers}, ${laggards} behind` : String(viewers), isUrgent: laggards > 0 },
    { text: agent ? `${agent.name}${agent.pid === null ? '' : ` ${agent.pid}`}` : 'none', title: agent ? `Kind: ${agent.kind}; name and process id` : '' },
    { text: agent?.memory_bytes ? bytes(agent.memory_bytes) : '–' },
    { text: agent ? `${since(agent.started_at, now)} ago` : '–', title: agent?.started_at ?? '' },
    { text: `${since(last_event_at, now)} ago`, title: last_event_at },
    { text: String(queued) },
    { text: read + written > 0 ? `${count(read)} / ${count(written)}` : '–', title: `${read} read, ${written} written` },
    { text: spent.cost_usd > 0 ? money(spent.cost_usd) : '–' },
    { text: String(restarts), isUrgent: restarts > 0 },
  ];
}

/** The state of a project's session. @param {Session} session @returns {Cell} */
export function sessionText({ state, restarts, conversations, node }) {
  const failures = restarts > 0 ? ` · restarted ${restarts === 1 ? 'once' : `${restarts} times`} after a failure` : '';
  const again = `${failures}${node ? ` · on node ${node}` : ''}`;
  switch (state) {
    case 'restarting': return { text: `failed, restarting${again}`, isUrgent: true };
    case 'given_up': return { text: `failed too often; close it to allow another try${again}`, isUrgent: true };
    case 'closing': return { text: `closing${again}` };
    default: {
      const n = conversations?.length ?? 0;
      return { text: `${n === 1 ? '1 conversation' : `${n} conversations`}${again}`, isUrgent: restarts > 0 };
    }
  }
}

/** Whether a conversation has each of these words in its project, title, state or agent. @param {string} project @param {LiveConversation} conversation @param {string} words */
export function fits(project, { title, state, agent }, words) {
  const text = [project, title ?? '', state, agent?.name ?? ''].join('\n').toLowerCase();
  return words.toLowerCase().split(/\s+/).every((word) => text.includes(word));
}

/** How many conversations a filter leaves, in words; empty without one. @param {number} shown @param {number} all @param {string} words */
export function filterText(shown, all, words) {
  if (!words.trim()) return '';
  return shown === 0 ? 'No conversation fits.' : `${shown} of ${all} conversation${all === 1 ? '' : 's'}`;
}

/**
 * Facts about the server: a heading, a sentence, and details.
 * @param {ServerStatus} status @param {Session[]} sessions @param {number} now in milliseconds
 * @returns {{name: string, text: string, isUrgent: boolean, more: string[]}[]}
 */
export function serverFacts({ version, started_at, agents, database, sandbox, refusal, nodes }, sessions, now) {
  const { commits, commit_failures: failures, commit_seconds: seconds } = database;
  const unexpected = (sandbox?.attempts ?? []).filter((attempt) => attempt.expected !== attempt.outcome);
  return [
    { name: 'Server', text: `version ${version}, up for ${since(started_at, now)}`, isUrgent: false, more: [] },
    {
      name: 'Agents', text: `${agents.running} of ${agents.most} running${agents.waiting > 0 ? `, ${agents.waiting} waiting` : ''}`,
      isUrgent: agents.waiting > 0, more: agentCounts(sessions),
    },
    {
      name: 'Sandbox', text: refusal ? 'no agent can start' : SANDBOX[sandbox?.verdict ?? ''] ?? 'being tested',
      isUrgent: refusal !== null || (sandbox !== null && sandbox.verdict !== 'proved'),
      more: [
        ...(refusal ? [refusal] : []), ...(sandbox?.missing ?? []),
        ...unexpected.map(({ what, outcome, detail }) => `${what}: ${outcome}${detail ? ` (${detail})` : ''}`),
        ...(sandbox?.attempts.length ? [`${sandbox.attempts.length - unexpected.length} of ${sandbox.attempts.length} attempts had the expected outcome.`] : []),
      ],
    },
    {
      name: 'Database',
      text: database.problem ?? [
        database.bytes === null ? '' : bytes(database.bytes),
        commits === 1 ? '1 commit' : `${count(commits)} commits`,
        commits > 0 ? `${(seconds * 1000 / commits).toFixed(1)} ms each` : '',
        failures > 0 ? `${failures} failed` : '',
      ].filter(Boolean).join(', '),
      isUrgent: database.problem !== null || failures > 0, more: [],
    },
    ...(nodes ? [nodesFact(nodes)] : []),
  ];
}

/** The nodes of a cluster that live; the first one answers the page. @param {NodeStatus[]} nodes */
function nodesFact(nodes) {
  const silent = nodes.filter(({ answers }) => !answers).map(({ node }) => node);
  const troubled = nodes.filter(({ refusal }) => refusal).map(({ node }) => node);
  return {
    name: 'Nodes',
    text: [
      `${nodes.length} live`, ...silent.map((node) => `${node} does not answer`), ...troubled.map((node) => `no agent can start on ${node}`),
    ].join(', '),
    isUrgent: silent.length + troubled.length > 0,
    more: nodes.map(({ node, version, agents, refusal }, index) => [
      `${node}${index === 0 ? ' (this one)' : ''}: ${agents ? `version ${version}, ${agents.running} of ${agents.most} agents running` : 'no answer'}`,
      refusal,
    ].filter(Boolean).join(' · ')),
  };
}

/** How many of each agent run, and what their conversations have used. @param {Session[]} sessions */
function agentCounts(sessions) {
  /** @type {Map<string, {running: number, tokens: number, cost: number}>} */
  const counts = new Map();
  for (const { agent, spent } of sessions.flatMap((session) => session.conversations ?? [])) {
    if (!agent) continue;
    const { running, tokens, cost } = counts.get(agent.name) ?? { running: 0, tokens: 0, cost: 0 };
    counts.set(agent.name, {
      running: running + 1, tokens: tokens + spent.input_tokens + spent.output_tokens, cost: cost + spent.cost_usd,
    });
  }
  return [...counts].sort().map(([name, { running, tokens, cost }]) =>
    `${name}: ${running} running${tokens > 0 ? `, ${count(tokens)} tokens` : ''}${cost > 0 ? `, ${money(cost)}` : ''}`);
}

/** What is served of a project from git. @param {GitProject} state @param {number} now in milliseconds @returns {{name: string, text: string, title?: string}[]} */
export const gitFacts = ({ remote, branch, commit, fetched_at: at }, now) => [
  { name: 'Remote', text: remote },
  { name: 'Branch', text: branch ?? 'the remote’s own' },
  { name: 'Commit', text: commit ? shortCommit(commit) : 'none yet', title: commit },
  { name: 'Fetched', text: at ? `${since(at, now)} ago` : commit ? 'not since the server’s start' : 'not yet', title: at },
];

/** What is wrong with what is served; empty where nothing is. @param {GitProject} state */
export function gitProblem({ commit, problem }) {
  if (problem === undefined) return '';
  return commit ? `The last fetch failed: ${problem}. What was there before is served.`
    : `It could not be cloned: ${problem}. The server tries again by itself.`;
}

/**
 * What came of a look at the remote; `null` until it has ended.
 * @param {GitProject} asked what was known before @param {GitProject} state
 * @returns {{text: string, words: string} | null} what is told beside the problem, and without it
 */
export function gitOutcome(asked, state) {
  // A server that was started anew has not looked yet.
  if (state.looked_at === undefined || state.looked_at === asked.looked_at) return null;
  if (state.problem !== undefined) return { text: 'The fetch failed.', words: gitProblem(state) };
  const text = state.commit === undefined || state.commit === asked.commit ? 'Nothing new.' : `Commit ${shortCommit(state.commit)} is served now.`;
  return { text, words: text };
}

/** @type {Record<string, string>} */
const SANDBOX = {
  proved: 'proved: agents can only read',
  partly: 'proved, with gaps',
  off: 'off: neither agents nor readers are confined',
  failed: 'not proved',
};

/** @param {number} number */
export function bytes(number) {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  const power = Math.min(units.length - 1, Math.floor(Math.log2(Math.max(number, 1)) / 10));
  const scaled = number / 1024 ** power;
  return `${power === 0 || scaled >= 100 ? Math.round(scaled) : scaled.toFixed(1)} ${units[power]}`;
}

/** A count in compact form. @param {number} number */
export const count = (number) => new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 }).format(number);

/** The time since a timestamp, in its largest unit. @param {string} timestamp @param {number} now in milliseconds */
export function since(timestamp, now) {
  const seconds = Math.max(0, Math.floor((now - Date.parse(timestamp)) / 1000));
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  return seconds < 172_800 ? `${Math.floor(seconds / 3600)} h` : `${Math.floor(seconds / 86_400)} d`;
}
