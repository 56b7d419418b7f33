/** The admin page: shows sessions and the server, refreshed while it is visible, and closes sessions. */
import * as api from './api.js';
import './admin/action_log.js';
import './admin/charts.js';
import { serverFacts } from './admin/format.js';
import './admin/git_projects.js';
import './admin/personal_tokens.js';
import './admin/sessions_table.js';
import './admin/usage_table.js';
import './admin/wrong_answers.js';
import './admin/public_snapshots.js';
import { element, setText } from './views/dom.js';
import { confirmAction } from './views/confirm_dialog.js';

/** Milliseconds between two refreshes. */
const REFRESH_INTERVAL = 2000;

const find = (/** @type {string} */ selector) => /** @type {HTMLElement} */ (document.querySelector(selector));
const [heading, asOf, problem, server, empty, announcements] = [
  'h1', '#asof', '#problem', '#server', '#empty', '#announcements',
].map(find);
const table = /** @type {import('./admin/sessions_table.js').SessionsTable} */ (find('sessions-table'));
const wrongAnswers = /** @type {import('./admin/wrong_answers.js').WrongAnswers} */ (find('wrong-answers'));
const gitProjects = /** @type {import('./admin/git_projects.js').GitProjects} */ (find('git-projects'));
const snapshots = /** @type {import('./admin/public_snapshots.js').PublicSnapshots} */ (find('public-snapshots'));
const tokens = /** @type {import('./admin/personal_tokens.js').PersonalTokens} */ (find('personal-tokens'));

/** Parts that read their own figures, seldom. */
const histories = /** @type {(HTMLElement & {refresh(): Promise<void>})[]} */ (['admin-charts', 'usage-table', 'action-log'].map(find));

/** Milliseconds between two refreshes of what was. */
const HISTORY_INTERVAL = 30_000;

let historyReadAt = -Infinity;
/** @type {ReturnType<typeof setTimeout> | undefined} */
let timer;
/** Whether the person may not see this page. */
let isRefused = false;
/** Counts refreshes: only the newest one is shown. */
let refreshes = 0;

async function refresh() {
  clearTimeout(timer);
  refreshes += 1;
  const own = refreshes;
  try {
    const [sessions, status, fromGit, reactions, published, owned] = await Promise.all([
      api.listSessions(), api.serverStatus(), api.gitProjects(), api.allReactions(), api.allSnapshots(), api.allTokens(),
    ]);
    if (own !== refreshes) return;
    show(sessions, status);
    gitProjects.update(fromGit, Date.now());
    wrongAnswers.update(reactions, Date.now());
    snapshots.update(published, Date.now());
    tokens.update(owned, Date.now());
    await refreshHistories();
  } catch (error) {
    if (own === refreshes) showProblem(error);
  }
  if (own === refreshes && !isRefused && !document.hidden) timer = setTimeout(refresh, REFRESH_INTERVAL);
}

async function refreshHistories() {
  if (performance.now() - historyReadAt < HISTORY_INTERVAL) return;
  historyReadAt = performance.now();
  await Promise.all(histories.map((part) => part.refresh()));
}

/** @param {import('./admin/format.js').Session[]} sessions @param {import('./admin/format.js').ServerStatus} status */
function show(sessions, status) {
  const now = Date.now();
  problem.hidden = true;
  setText(asOf, `as of ${new Date(now).toLocaleTimeString('en-GB')}`);
  showServer(serverFacts(status, sessions, now));
  empty.hidden = sessions.length > 0;
  table.hidden = sessions.length === 0;
  table.update(sessions, now);
}

/** @param {ReturnType<typeof serverFacts>} facts */
function showServer(facts) {
  server.hidden = false;
  for (const [index, { name, text, isUrgent, more }] of facts.entries()) {
    const node = /** @type {HTMLElement} */ (server.children[index] ?? server.appendChild(element('div', {},
      element('dt', {}, name), element('dd', {},
        element('span'), element('details', { hidden: true }, element('summary', {}, 'More'), element('ul'))))));
    const [main, details] = /** @type {[HTMLElement, HTMLDetailsElement]} */ ([...node.lastElementChild?.children ?? []]);
    setText(main, text);
    main.classList.toggle('urgent', isUrgent);
    details.hidden = more.length === 0;
    const list = /** @type {HTMLElement} */ (details.lastElementChild);
    if (list.textContent !== more.join('')) list.replaceChildren(...more.map((line) => element('li', {}, line)));
  }
}

/** @param {unknown} error */
function showProblem(error) {
  isRefused = error instanceof api.ApiError && (error.status === 401 || error.status === 403);
  if (isRefused) table.hidden = true;
  if (isRefused) [gitProjects, wrongAnswers, snapshots, tokens, ...histories].forEach((part) => { part.hidden = true; });
  problem.hidden = false;
  setText(problem, isRefused ? 'This page is for admins. Log in at /login with the token of an admin.'
    : `${api.errorMessage(error)} ${asOf.textContent ? `The figures are ${asOf.textContent}. ` : ''}Trying again…`);
}

/** @param {{project: string, conversation: number | null, title: string}} session */
async function close({ project, conversation, title }) {
  const question = conversation === null
    ? `Close all conversations of ${title}? Their answers and agents stop. All messages are kept.`
    : `Close “${title}”? Its answer and its agent stop. All messages are kept.`;
  await confirmed(question, conversation === null ? 'Close all' : 'Close', async () => {
    await (conversation === null ? api.closeSession(project) : api.closeConversation(project, conversation));
    return `Closed ${title}.`;
  });
}

/** @param {{project: string, id: number, name: string}} snapshot */
const withdraw = ({ project, id, name }) => confirmed(`Withdraw the snapshot of “${name}”? Its address leads nowhere then.`, 'Withdraw', async () => {
  await api.withdrawSnapshot(project, id);
  return `Withdrew ${name}.`;
});

/** @param {{id: string, name: string, user: string}} token */
const revoke = ({ id, name, user }) => confirmed(`Revoke the token “${name}” of ${user}? A program that uses it is let in no more.`, 'Revoke', async () => {
  await api.revokeToken(id);
  return `Revoked ${name}.`;
});

/** Does something if the person confirms it, and tells what was done. @param {string} question @param {string} label @param {() => Promise<string>} act */
async function confirmed(question, label, act) {
  if (!await confirmAction(question, label)) return;
  try {
    setText(announcements, await act());
    historyReadAt = -Infinity;
    await refresh();
  } catch (error) {
    showProblem(error);
  }
}

document.addEventListener('close-session', (event) => close(/** @type {CustomEvent} */ (event).detail));
for (const [type, act] of Object.entries({ 'withdraw-snapshot': withdraw, 'revoke-token': revoke })) {
  document.addEventListener(type, async (event) => {
    await act(/** @type {CustomEvent} */ (event).detail);
    if (document.activeElement === document.body) heading.focus();
  });
}
document.addEventListener('tell', (event) => setText(announcements, /** @type {CustomEvent} */ (event).detail));
document.addEventListener('focus-lost', () => heading.focus());
document.addEventListener('visibilitychange', () => {
  if (!document.hidden && !isRefused) refresh();
});
refresh();
document.querySelector('#not-started')?.remove();
