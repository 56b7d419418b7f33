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

/** @param {string} project @param {string} letters @returns {Promise<{files: {path: string}[]}>} the best first */
export const findFiles = (project, letters) => (
  call('GET', `/api/projects/${project}/files?limit=12&q=${encodeURIComponent(letters)}`));

/** @param {string} project @returns {Promise<{questions: string[]}>} that fit the project */
export const fittingQuestions = (project) => call('GET', `/api/projects/${project}/questions`);

/** @param {string} project @returns {Promise<Listed[]>} newest first */
export const listConversations = (project) => call('GET', `/api/assistant/conversations/${project}`);

/** @param {string} project @param {number} id @returns {Promise<unknown>} */
export const deleteConversation = (project, id) => call('DELETE', `/api/assistant/conversations/${project}/${id}`);

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
