/** What the agent's steps are called: one tool call, and a run of them in one line. Pure. */

/** Inputs that tell most of what a tool call is about, the most telling first. */
const TELLING = ['file_path', 'path', 'pattern', 'query', 'command', 'url', 'name', 'description', 'prompt'];
const QUOTED = new Set(['pattern', 'query']);
const LONGEST_TELLING = 80;

/** What several calls of a tool are called. @type {Record<string, [one: string, many: string]>} */
const COUNTED = {
  Read: ['read', 'reads'],
  Grep: ['search', 'searches'],
  Glob: ['search for files', 'searches for files'],
  WebFetch: ['page fetched', 'pages fetched'],
  WebSearch: ['search of the web', 'searches of the web'],
};

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
export function inputSummary(input, root) {
  const order = 'pattern' in input || 'query' in input ? ['pattern', 'query', ...TELLING] : TELLING;
  const key = order.find((name) => typeof input[name] === 'string' && input[name] !== '')
    ?? Object.keys(input).find((name) => typeof input[name] === 'string' || typeof input[name] === 'number');
  if (key === undefined) return '';
  const text = projectRelative(String(input[key]), root).replace(/\s+/g, ' ');
  const short = text.length > LONGEST_TELLING ? `${text.slice(0, LONGEST_TELLING - 1)}…` : text;
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
 * All of an input as names and readable values, in the order in which the agent gave them.
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
  if (content.trim() === '') return 'nothing';
  const lines = content.replace(/\n+$/, '').split('\n').length;
  return `${lines}${truncated ? '+' : ''} ${lines === 1 && !truncated ? 'line' : 'lines'}`;
}

/** What a running tool does. @param {import('./store.js').ToolPart} part @param {string} root */
export function toolActivity(part, root) {
  const about = inputSummary(part.input, root);
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
 * A run of steps in one line: "12 steps: 7 reads, 5 searches, 1 failed".
 * @param {import('./store.js').ToolPart[]} parts
 */
export function stepsSummary(parts) {
  /** @type {Map<string, number>} */
  const counts = new Map();
  for (const { tool } of parts) counts.set(tool, (counts.get(tool) ?? 0) + 1);
  const said = [...counts].sort(([, one], [, other]) => other - one).map(([tool, count]) => {
    const words = COUNTED[tool];
    if (words) return `${count} ${words[count === 1 ? 0 : 1]}`;
    return count === 1 ? toolName(tool) : `${count} × ${toolName(tool)}`;
  });
  const failed = parts.filter((part) => part.result?.ok === false).length;
  if (failed > 0) said.push(`${failed} failed`);
  return `${parts.length} ${parts.length === 1 ? 'step' : 'steps'}: ${said.join(', ')}`;
}
