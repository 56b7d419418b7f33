/** Descriptions of the agent's steps: of a tool call, and of several in one line. Pure. */

/** Inputs that describe a tool call best, most important first. */
const KEY_INPUTS = ['file_path', 'path', 'pattern', 'query', 'command', 'url', 'commit', 'words', 'text',
  'name', 'description', 'prompt'];
const QUOTED = new Set(['pattern', 'query']);
/** Characters of an input in a line. */
const MAX_LENGTH = 80;

/** How calls of a tool are counted. @type {Record<string, [one: string, many: string]>} */
const COUNTED = {
  Read: ['read', 'reads'],
  Grep: ['search', 'searches'],
  Glob: ['search for files', 'searches for files'],
  WebFetch: ['page fetched', 'pages fetched'],
  WebSearch: ['search of the web', 'searches of the web'],
  mcp__project__search: ['search', 'searches'],
  mcp__project__outline: ['outline', 'outlines'],
  mcp__project__history_log: ['list of commits', 'lists of commits'],
  mcp__project__history_show: ['commit', 'commits'],
  mcp__project__history_blame: ['look at authors', 'looks at authors'],
  mcp__project__history_diff: ['comparison', 'comparisons'],
  mcp__project__history_search: ['search of the history', 'searches of the history'],
};

/** What tools do, by the words in their names; the first that fits. @type {[RegExp, import('./views/icon.js').IconName][]} */
const ICONS = [
  [/history|commit|blame|^git/i, 'history'], [/web|fetch|url/i, 'web'], [/grep|glob|search|find/i, 'search'],
  [/feature|todo|task/i, 'checklist'], [/bash|shell|command|exec|terminal/i, 'command'], [/read|open|view|file|outline|overview/i, 'file'],
];

/** The icon for what a tool does. @param {string} tool @returns {import('./views/icon.js').IconName} */
export const toolIcon = (tool) => ICONS.find(([words]) => words.test(tool))?.[1] ?? 'tool';

/**
 * The last part of a qualified name: `feature_get_stats` of `mcp__features__feature_get_stats`.
 * @param {string} tool
 */
export function toolName(tool) {
  return tool.split('__').at(-1) || tool;
}

/**
 * The most important input of a tool call.
 * @param {Record<string, unknown>} input
 * @param {string} root the project's directory, which is left out
 */
export function inputSummary(input, root) {
  const order = 'pattern' in input || 'query' in input ? ['pattern', 'query', ...KEY_INPUTS] : KEY_INPUTS;
  const key = order.find((name) => typeof input[name] === 'string' && input[name] !== '')
    ?? Object.keys(input).find((name) => typeof input[name] === 'string' || typeof input[name] === 'number');
  if (key === undefined) return '';
  const text = projectRelative(String(input[key]), root).replace(/\s+/g, ' ');
  const short = text.length > MAX_LENGTH ? `${text.slice(0, MAX_LENGTH - 1)}…` : text;
  return QUOTED.has(key) ? `"${short}"` : short;
}

/** @param {string} path @param {string} root */
export function projectRelative(path, root) {
  if (!root || !path.startsWith(root)) return path;
  const rest = path.slice(root.length);
  if (rest === '' || rest === '/') return '.';
  return rest.startsWith('/') ? rest.slice(1) : path;
}

/**
 * All inputs as names and readable values, in the agent's order.
 * @param {Record<string, unknown>} input @param {string} root
 * @returns {[name: string, value: string][]}
 */
export function inputFields(input, root) {
  return Object.entries(input).map(([name, value]) => [
    name, typeof value === 'string' ? projectRelative(value, root) : JSON.stringify(value, null, 2) ?? '',
  ]);
}

/** @param {import('./store.js').ToolPart} part */
export function toolOutcome(part) {
  if (!part.result) return '';
  if (!part.result.ok) return 'failed';
  const { content, truncated } = part.result;
  if (content.trim() === '') return 'no output';
  const lines = content.replace(/\n+$/, '').split('\n').length;
  return `${lines}${truncated ? '+' : ''} ${lines === 1 && !truncated ? 'line' : 'lines'}`;
}

/** What a running tool is doing. @param {import('./store.js').ToolPart} part @param {string} root */
export function toolActivity(part, root) {
  const about = inputSummary(part.input, root);
  switch (part.tool) {
    case 'Read': return `Reading ${about}…`;
    case 'Grep': return `Searching for ${about}…`;
    case 'Glob': return `Looking for files ${about}…`;
    case 'WebFetch': return `Fetching ${about}…`;
    case 'WebSearch': return `Searching the web for ${about}…`;
    case 'mcp__project__search': return `Searching for ${about}…`;
    case 'mcp__project__outline': return `Reading the outline of ${about || 'the project'}…`;
    case 'mcp__project__history_log': return `Reading the history of ${about || 'the project'}…`;
    case 'mcp__project__history_show': return `Reading the commit ${about}…`;
    case 'mcp__project__history_blame': return `Looking who wrote ${about}…`;
    case 'mcp__project__history_diff': return 'Comparing commits…';
    case 'mcp__project__history_search': return `Searching the history for ${about}…`;
    default: return `Using ${toolName(part.tool)}${about ? ` ${about}` : ''}…`;
  }
}

/**
 * Several steps in one line: "12 steps: 7 reads, 5 searches, 1 failed".
 * @param {import('./store.js').ToolPart[]} parts
 */
export function stepsSummary(parts) {
  /** @type {Map<string, number>} */
  const counts = new Map();
  for (const { tool } of parts) counts.set(tool, (counts.get(tool) ?? 0) + 1);
  const summary = [...counts].sort(([, one], [, other]) => other - one).map(([tool, count]) => {
    const words = COUNTED[tool];
    if (words) return `${count} ${words[count === 1 ? 0 : 1]}`;
    return count === 1 ? toolName(tool) : `${count} × ${toolName(tool)}`;
  });
  const failed = parts.filter((part) => part.result?.ok === false).length;
  if (failed > 0) summary.push(`${failed} failed`);
  return `${parts.length} ${parts.length === 1 ? 'step' : 'steps'}: ${summary.join(', ')}`;
}
