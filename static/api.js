/** The REST calls that the page makes. An answer that is no success becomes an `Error` in words. */

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

/** @param {string} method @param {string} path @returns {Promise<any>} */
async function call(method, path) {
  let response;
  try {
    response = await fetch(path, { method, headers: { accept: 'application/json' } });
  } catch {
    throw new Error('The server cannot be reached.');
  }
  const body = await response.json().catch(() => null);
  if (!response.ok) throw new Error(body?.detail ?? `The server answered ${response.status}.`);
  return body;
}
