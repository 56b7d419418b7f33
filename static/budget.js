/** The budgets of this month: what the person and the project have used, where there is a budget. */
import * as api from './api.js';
import { money, short } from './usage.js';
import { element } from './views/dom.js';

/** The share from which on a person is told without asking. */
const NEARLY = 0.8;

/**
 * @typedef {{spent: {tokens: number, dollars: number}, budget: {tokens: number, dollars: number}, share: number}} Budget
 * @typedef {{month: string, user?: Budget, project?: Budget}} Budgets
 */

/** Projects in which nothing is limited. @type {Set<string>} */
const unlimited = new Set();
/** What a person was told already. @type {Set<string>} */
const told = new Set();

/** Tells how the budgets stand, below the usage of the conversation. @param {Element} usage @param {string} project */
export async function showBudgets(usage, project) {
  const shown = (await budgets(project)).map(({ text }) => element('p', { className: 'budget' }, text));
  usage.querySelectorAll('.budget').forEach((line) => line.remove());
  usage.lastElementChild?.append(...shown);
}

/**
 * Tells of a budget that is nearly used up or used up, once each.
 * @param {string} project @param {(text: string) => void} tell
 */
export async function warnOfBudget(project, tell) {
  for (const { whose, share, text } of await budgets(project)) {
    const level = share >= 1 ? 'all' : share >= NEARLY ? 'nearly all' : null;
    const key = `${project} ${whose} ${level}`;
    if (level === null || told.has(key)) continue;
    told.add(key);
    tell(text);
  }
}

/** @param {string} project */
async function budgets(project) {
  if (unlimited.has(project)) return [];
  const { month, user, project: shared } = await api.budgets(project);
  if (!user && !shared) unlimited.add(project);
  return [
    ...(user ? [{ whose: 'user', share: user.share, text: sentence('you have used', month, user) }] : []),
    ...(shared ? [{ whose: 'project', share: shared.share, text: sentence('this project has used', month, shared) }] : []),
  ];
}

/** @param {string} who @param {string} month @param {Budget} of */
function sentence(who, month, { spent, budget }) {
  const used = [];
  if (budget.tokens > 0) used.push(`${short(spent.tokens)} of ${short(budget.tokens)} tokens`);
  if (budget.dollars > 0) used.push(`${money(spent.dollars)} of $${budget.dollars}`);
  return `In ${month}, ${who} ${used.join(' and ')}.`;
}
