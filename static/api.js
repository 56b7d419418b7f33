/** The REST calls that the page makes. An answer that is no success becomes an `Error` in words. */

/** Where a token is shown. */
const LOGIN = '/login';

/**
 * @typedef {{name: string, path: string, has_spec: boolean, agent: string,
 *   stats: {passing: number, in_progress: number, total: number, percentage: number}}} Project
 * @typedef {{id: number, project_name: string, title: string | null, created_at: string, updated_at: string,
 *   message_count: number}} Listed a conversation in the list
 */

/** @returns {Promise<Project[]>} */
export const listProjects = () => call('GET', '/api/projects');

/** @param {string} project @returns {Promise<Listed[]>} newest first */
export const listConversations = (project) => call('GET', `/api/assistant/conversations/${project}`);

/** @param {string} project @param {number} id @returns {Promise<unknown>} */
export const deleteConversation = (project, id) => call('DELETE', `/api/assistant/conversations/${project}/${id}`);

/**
 * @typedef {{path: string, size: number, language: string, binary: boolean, total_lines: number, first_line: number,
 *   last_line: number, text: string, truncated: boolean, outline: {kind: string, name: string, line: number}[],
 *   lines?: string[]}} FilePage `lines` are safe HTML, one for each line
 */

/**
 * The part of a file that has the line in it.
 * @param {string} project @param {string} path @param {number} [line] @param {boolean} [hasColours]
 * @returns {Promise<FilePage>}
 */
export function readFile(project, path, line, hasColours = false) {
  const wanted = new URLSearchParams({ path });
  if (line) wanted.set('line', String(line));
  if (hasColours) wanted.set('format', 'html');
  return call('GET', `/api/projects/${project}/file?${wanted}`);
}

/** @typedef {{role: 'viewer' | 'admin' | null, user: string | null, can_log_out: boolean}} Me */

/** Who the server takes this browser for. @returns {Promise<Me>} */
export const whoAmI = () => call('GET', '/api/me');

/** @param {string} token */
export const logIn = (token) => call('POST', LOGIN, new URLSearchParams({ token }));

/** Ends this browser's login. */
export const logOut = () => call('POST', '/logout');

/** @param {string} method @param {string} path @param {URLSearchParams} [body] @returns {Promise<any>} */
async function call(method, path, body) {
  let response;
  try {
    response = await fetch(path, { method, body, headers: { accept: 'application/json' } });
  } catch {
    throw new Error('The server cannot be reached.');
  }
  // What is typed and not sent is kept on this device: nothing is lost on the way.
  if (response.status === 401 && path !== LOGIN) location.assign(`${LOGIN}?next=${encodeURIComponent(location.pathname)}`);
  const answer = await response.json().catch(() => null);
  if (!response.ok) throw new Error(answer?.detail ?? `The server answered ${response.status}.`);
  return answer;
}
