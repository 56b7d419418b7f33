/** The admin page: looks every two seconds while it is seen, and closes what an admin wants closed. */
import * as api from './api.js';
import { serverFacts } from './admin/format.js';
import './admin/sessions_table.js';
import { element, setText } from './views/dom.js';
import { confirmAction } from './views/shortcuts.js';

/** Milliseconds between two looks. */
const BETWEEN_LOOKS = 2000;

const find = (/** @type {string} */ selector) => /** @type {HTMLElement} */ (document.querySelector(selector));
const [heading, asOf, problem, server, empty, announcements] = [
  'h1', '#asof', '#problem', '#server', '#empty', '#announcements',
].map(find);
const table = /** @type {import('./admin/sessions_table.js').SessionsTable} */ (find('sessions-table'));

/** @type {ReturnType<typeof setTimeout> | undefined} */
let timer;
/** Whether there is nothing to be seen here for whoever asks. */
let isRefused = false;
/** The looks so far: one that was overtaken shows nothing. */
let looks = 0;

async function look() {
  clearTimeout(timer);
  looks += 1;
  const own = looks;
  try {
    const [sessions, status] = await Promise.all([api.listSessions(), api.serverStatus()]);
    if (own === looks) show(sessions, status);
  } catch (error) {
    if (own === looks) fail(error);
  }
  if (own === looks && !isRefused && !document.hidden) timer = setTimeout(look, BETWEEN_LOOKS);
}

/** @param {import('./admin/format.js').Session[]} sessions @param {import('./admin/format.js').Status} status */
function show(sessions, status) {
  const now = Date.now();
  problem.hidden = true;
  setText(asOf, `as of ${new Date(now).toLocaleTimeString('en-GB')}`);
  showServer(serverFacts(status, now));
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
    const [words, details] = /** @type {[HTMLElement, HTMLDetailsElement]} */ ([...node.lastElementChild?.children ?? []]);
    setText(words, text);
    words.classList.toggle('urgent', isUrgent);
    details.hidden = more.length === 0;
    const list = /** @type {HTMLElement} */ (details.lastElementChild);
    if (list.textContent !== more.join('')) list.replaceChildren(...more.map((line) => element('li', {}, line)));
  }
}

/** @param {unknown} error */
function fail(error) {
  isRefused = error instanceof api.ApiError && (error.status === 401 || error.status === 403);
  if (isRefused) table.hidden = true;
  problem.hidden = false;
  setText(problem, isRefused ? 'This page is for admins: log in with the token of one at /login.'
    : `${api.errorMessage(error)} ${asOf.textContent ? `What stands here is ${asOf.textContent}. ` : ''}Trying again…`);
}

/** @param {{project: string, conversation: number | null, title: string}} what */
async function close({ project, conversation, title }) {
  const question = conversation === null
    ? `Close all conversations of ${title}? Answers stop and agents end. What was said stays.`
    : `Close “${title}”? Its answer stops and its agent ends. What was said stays.`;
  if (!await confirmAction(question, conversation === null ? 'Close all' : 'Close it')) return;
  try {
    await (conversation === null ? api.closeSession(project) : api.closeConversation(project, conversation));
    setText(announcements, `Closed ${title}.`);
    await look();
  } catch (error) {
    fail(error);
  }
}

document.addEventListener('close-session', (event) => close(/** @type {CustomEvent} */ (event).detail));
document.addEventListener('focus-lost', () => heading.focus());
document.addEventListener('visibilitychange', () => {
  if (!document.hidden && !isRefused) look();
});
look();
