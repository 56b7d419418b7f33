/** The page's calls of the HTTP interface. A response that is no success throws an `ApiError`. */
import { BASE } from './base_path.js';

/** The page that asks for a token, below the base path. */
const LOGIN = '/login';
/** Characters of a question that are compared with earlier ones; more would not fit into an address. */
const SIMILAR_LENGTH = 500;

/**
 * @typedef {{name: string, path: string, has_spec: boolean, agent: string, members?: string[], checkouts?: import('./protocol.js').Checkout[],
 *   stats: {passing: number, in_progress: number, total: number, percentage: number}}} Project
 * @typedef {{id: number, project_name: string, title: string | null, created_at: string, updated_at: string,
 *   message_count: number, owner?: string, visibility?: string}} ConversationSummary
 * @typedef {{text: string, hit: boolean}} Piece of a text; `hit` marks a match
 * @typedef {{conversation_id: number, title: string | null, turn: number, role: 'user' | 'assistant',
 *   timestamp: string, note?: boolean, snippet: Piece[]}} SearchHit a message that matches; `note` if its answer is kept as one
 * @typedef {{conversation_id: number, turn: number, question: string, asked_at: string, note?: boolean}} SimilarQuestion
 */

/** A call that failed, with a message for the person. */
export class ApiError extends Error {
  /** @param {string} message @param {number} status HTTP status, 0 without a response */
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

/** @param {unknown} error */
export const errorMessage = (error) => (error instanceof Error ? error.message : String(error));

/** @returns {Promise<Project[]>} */
export const listProjects = () => call('GET', '/api/projects');

/** @param {string} project @param {string} letters @param {number} [limit] @param {AbortSignal} [signal] @returns {Promise<{files: {path: string}[]}>} best match first */
export const findFiles = (project, letters, limit = 12, signal = undefined) => (
  call('GET', `/api/projects/${project}/files?limit=${limit}&q=${encodeURIComponent(letters)}`, { signal }));

/** @param {string} project @returns {Promise<{about?: string, questions: string[], checkouts?: import('./protocol.js').Checkout[], warning?: string}>} */
export const suggestQuestions = (project) => call('GET', `/api/projects/${project}/questions`);

/** @param {string} project @returns {Promise<import('./budget.js').Budgets>} */
export const budgets = (project) => call('GET', `/api/projects/${project}/budget`);

/** @param {string} project @returns {Promise<ConversationSummary[]>} newest first */
export const listConversations = (project) => call('GET', conversations(project));

/** @param {string} project @param {number} id @param {string} title @returns {Promise<ConversationSummary>} as it is stored */
export const renameConversation = (project, id, title) => call('PATCH', `${conversations(project)}/${id}`, { json: { title } });

/**
 * @param {string} project @param {number} id
 * @param {boolean} [leaving] the page is being closed
 * @returns {Promise<unknown>}
 */
export const deleteConversation = (project, id, leaving = false) => (
  call('DELETE', `${conversations(project)}/${id}`, { keepalive: leaving }));

/** @param {string} project @param {number} id @param {'md' | 'json'} format */
export const exportAddress = (project, id, format) => `${BASE}${conversations(project)}/${id}/export?format=${format}`;

/** @param {string} method @param {string} project @param {number} id @param {string} rest @param {unknown} [json] */
export const callConversation = (method, project, id, rest, json) => call(method, `${conversations(project)}/${id}/${rest}`, { json });

/**
 * What an answer says, as Markdown with its references.
 * @param {string} project @param {number} id @param {number} turn @returns {Promise<string>}
 */
export const readAnswer = (project, id, turn) => call('GET', `${conversations(project)}/${id}/export?format=md&turn=${turn}`, { isText: true });

/** @param {string} project @param {number} id @param {string} attachment */
export const attachmentAddress = (project, id, attachment) => `${BASE}${conversations(project)}/${id}/attachments/${attachment}`;

/**
 * Sends a file for a question, and tells how much of it was sent, from 0 to 1.
 * @param {string} project @param {number} id @param {Blob} file @param {string} name
 * @param {{signal: AbortSignal, onProgress: (progress: number) => void}} how
 * @returns {Promise<import('./attachments.js').Attachment>}
 */
export function sendFile(project, id, file, name, { signal, onProgress }) {
  return new Promise((resolve, reject) => {
    // `fetch` does not tell the progress of what it sends.
    const request = new XMLHttpRequest();
    request.open('POST', `${BASE}${conversations(project)}/${id}/attachments?${new URLSearchParams({ name })}`);
    request.setRequestHeader('content-type', 'application/octet-stream');
    request.upload.addEventListener('progress', ({ loaded, total }) => onProgress(total > 0 ? loaded / total : 0));
    request.addEventListener('error', () => reject(new ApiError('The server cannot be reached.', 0)));
    request.addEventListener('abort', () => reject(new ApiError('The file was not sent.', 0)));
    request.addEventListener('load', () => {
      const answer = parsed(request.responseText);
      if (request.status === 201 && answer) resolve(answer);
      else reject(new ApiError(answer?.detail ?? `The server answered with status ${request.status}.`, request.status));
    });
    signal.addEventListener('abort', () => request.abort());
    request.send(file);
  });
}

/** @param {string} text */
function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** @param {string} project @param {string} typed @param {AbortSignal} signal @returns {Promise<{hits: SearchHit[], more: boolean}>} */
export const searchMessages = (project, typed, signal) => (
  call('GET', `/api/assistant/search/${project}?${new URLSearchParams({ q: typed })}`, { signal }));

/** @param {string} project @param {string} typed @param {AbortSignal} signal @returns {Promise<SimilarQuestion[]>} closest first */
export const findSimilarQuestions = (project, typed, signal) => (
  call('GET', `/api/projects/${project}/questions/similar?${new URLSearchParams({ q: typed.slice(0, SIMILAR_LENGTH) })}`, { signal }));

/** @param {string} project @param {string} typed @param {AbortSignal} [signal] @param {number} [limit] @returns {Promise<{notes: import('./notes.js').Note[], more: boolean}>} newest first */
export const findNotes = (project, typed, signal, limit = 50) => (
  call('GET', `/api/projects/${project}/notes?${new URLSearchParams({ q: typed, limit: String(limit) })}`, { signal }));

/** @param {string} project @param {number} id @param {number} turn @returns {Promise<{references: import('./standing.js').ComparedCitation[]}>} */
export const compareReferences = (project, id, turn) => call('GET', `${conversations(project)}/${id}/references?turn=${turn}`);

/**
 * @typedef {{path: string, size: number, language: string, binary: boolean, total_lines: number, first_line: number,
 *   last_line: number, text: string, truncated: boolean, outline: {kind: string, name: string, line: number}[],
 *   lines?: string[], editor_url?: string}} FilePage `lines` are safe HTML, present if asked for; `{line}` in `editor_url` is to
 *   be replaced
 */

/**
 * The section of a file, or of a commit's difference, that contains the line.
 * @param {string} project @param {import('./reference.js').Reference} reference @param {'text' | 'html'} [format]
 * @returns {Promise<FilePage>}
 */
export function readPage(project, { path, commit, line }, format = 'text') {
  const query = new URLSearchParams(path ? { path, ...(commit ? { commit } : {}) } : { id: commit ?? '' });
  if (line) query.set('line', String(line));
  if (format === 'html') query.set('format', format);
  return call('GET', `/api/projects/${project}/${path ? 'file' : 'commit'}?${query}`);
}

/** @typedef {{role: 'viewer' | 'admin' | null, user: string | null, can_log_out: boolean, can_make_tokens: boolean}} Me */

/** The role and the name of this browser's user. @returns {Promise<Me>} */
export const whoAmI = () => call('GET', '/api/me');

/** @param {string} token */
export const logIn = (token) => call('POST', LOGIN, { form: new URLSearchParams({ token }) });

/** How one can log in. @returns {Promise<{token: boolean, provider: string | null}>} */
export const loginOptions = () => call('GET', `${LOGIN}/options`);

/** Ends this browser's login. */
export const logOut = () => call('POST', '/logout');

/** For admins. @returns {Promise<import('./admin/format.js').Session[]>} */
export const listSessions = () => call('GET', '/api/admin/sessions');

/** For admins. @returns {Promise<import('./admin/format.js').ServerStatus>} */
export const serverStatus = () => call('GET', '/api/admin/status');

/** For admins. @returns {Promise<import('./admin/wrong_answers.js').AllReactions>} */
export const allReactions = () => call('GET', '/api/admin/reactions');

/** For admins. @returns {Promise<import('./admin/public_snapshots.js').AllSnapshots>} */
export const allSnapshots = () => call('GET', '/api/admin/snapshots');

/** For admins. @param {string} project @param {number} conversation */
export const withdrawSnapshot = (project, conversation) => call('DELETE', `/api/admin/snapshots/${project}/${conversation}`);

/** For admins. @returns {Promise<import('./admin/personal_tokens.js').OwnedToken[]>} */
export const allTokens = () => call('GET', '/api/admin/tokens');

/** For admins. @param {string} id */
export const revokeToken = (id) => call('DELETE', `/api/admin/tokens/${id}`);

/** For admins. @returns {Promise<import('./admin/format.js').GitProject[]>} */
export const gitProjects = () => call('GET', '/api/admin/repositories');

/** Asks for a fetch; `gitProjects` tells what came of it. For admins. @param {string} project */
export const fetchProject = (project) => call('POST', `/api/admin/repositories/${project}`);

/** For admins. @param {string} span @returns {Promise<import('./admin/charts.js').Chart[]>} */
export const adminCharts = (span) => call('GET', `/api/admin/charts?span=${span}`);

/** For admins. @param {string} query */
export const usageAddress = (query) => `${BASE}/api/admin/usage?${query}`;

/** For admins. @param {string} query @returns {Promise<import('./admin/usage_table.js').Usage>} */
export const adminUsage = (query) => call('GET', `/api/admin/usage?${query}`);

/** For admins. @param {string} words @returns {Promise<import('./admin/action_log.js').Action[]>} the newest first */
export const adminActions = (words) => call('GET', `/api/admin/actions?q=${encodeURIComponent(words)}`);

/** For admins. @param {string} project @param {number} conversation */
export const closeConversation = (project, conversation) => call('DELETE', `/api/admin/sessions/${project}/${conversation}`);

/** For admins. @param {string} project */
export const closeSession = (project) => call('DELETE', `/api/admin/sessions/${project}`);

/** @param {Response} response @returns {Promise<ApiError>} why it is no success */
export async function problemOf(response) {
  const answer = await response.json().catch(() => null);
  return new ApiError(answer?.detail ?? `The server answered with status ${response.status}.`, response.status);
}

/** @param {string} project */
const conversations = (project) => `/api/assistant/conversations/${project}`;

/**
 * @param {string} method @param {string} path below the base path
 * @param {{form?: URLSearchParams, json?: unknown, signal?: AbortSignal, keepalive?: boolean, isText?: boolean}} [how]
 * @returns {Promise<any>}
 */
export async function call(method, path, { form, json, signal, keepalive, isText = false } = {}) {
  const headers = { accept: isText ? 'text/*, application/json' : 'application/json', ...(json === undefined ? {} : { 'content-type': 'application/json' }) };
  const body = json === undefined ? form : JSON.stringify(json);
  let response;
  try {
    response = await fetch(BASE + path, { method, body, headers, signal, keepalive });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ApiError('The server cannot be reached.', 0);
  }
  // Unsent text is stored in this browser, so leaving for the login loses nothing.
  if (response.status === 401 && path !== LOGIN) location.assign(`${BASE}${LOGIN}?next=${encodeURIComponent(location.pathname)}`);
  if (isText && response.ok) return response.text();
  if (!response.ok) throw await problemOf(response);
  return response.json().catch(() => null);
}
