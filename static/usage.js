/** Time, tokens and cost as text: of a turn, and of a whole conversation. Pure. */

/** @param {import('./store.js').DoneEnd} end */
export function turnUsage(end) {
  const parts = [];
  if (end.durationMs !== undefined && end.durationMs !== null) parts.push(duration(end.durationMs));
  const usage = end.usage;
  if (usage && (usage.input_tokens || usage.output_tokens)) parts.push(tokens(tokensRead(usage), usage.output_tokens));
  if (end.costUsd) parts.push(money(end.costUsd));
  return parts.join(' · ');
}

/**
 * The usage of all answers: `text` is the most important figure, `details` has all.
 * @param {import('./store.js').Turn[]} turns
 * @returns {{text: string, details: string} | null} `null` if nothing is known
 */
export function conversationUsage(turns) {
  let answers = 0, time = 0, input = 0, output = 0, cost = 0;
  for (const { turn, end } of turns) {
    if (turn === 0 || end?.kind !== 'done') continue;
    answers += 1;
    time += end.durationMs ?? 0;
    input += end.usage ? tokensRead(end.usage) : 0;
    output += end.usage?.output_tokens ?? 0;
    cost += end.costUsd ?? 0;
  }
  const all = [];
  if (time > 0) all.push(duration(time));
  if (input + output > 0) all.push(tokens(input, output));
  if (cost > 0) all.push(money(cost));
  if (answers === 0 || all.length === 0) return null;
  const text = cost > 0 ? money(cost) : input + output > 0 ? `${short(input + output)} tokens` : duration(time);
  return { text, details: `${answers === 1 ? '1 answer' : `${answers} answers`}: ${all.join(' · ')}` };
}

/** @param {import('./protocol.js').Usage} usage */
const tokensRead = (usage) => usage.input_tokens + (usage.cache_read_tokens ?? 0) + (usage.cache_write_tokens ?? 0);

/** @param {number} input @param {number} output */
const tokens = (input, output) => (
  `${input.toLocaleString('en')} tokens read, ${output.toLocaleString('en')} written`);

/** @param {number} dollars */
export const money = (dollars) => `$${dollars.toFixed(dollars < 0.1 ? 4 : 2)}`;

/** @param {number} count */
export const short = (count) => count.toLocaleString('en', { notation: 'compact', maximumFractionDigits: 1 });

/** @param {number} milliseconds */
function duration(milliseconds) {
  if (milliseconds < 1000) return `${Math.round(milliseconds)} ms`;
  const seconds = milliseconds / 1000;
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  return `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
}
