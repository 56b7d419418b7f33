/** What the address bar says: `/p/PROJECT` for a new conversation, `/p/PROJECT/12` for an old one. */

/** @typedef {{project: string | null, conversation: number | null}} Address */

/** @param {string} path @returns {Address} */
export function parseAddress(path) {
  const found = /^\/p\/([A-Za-z0-9_-]{1,50})(?:\/(\d{1,15}))?\/?$/.exec(path);
  if (!found) return { project: null, conversation: null };
  return { project: found[1], conversation: found[2] ? Number(found[2]) : null };
}

/** @param {string | null} project @param {number | null} conversation */
export function formatAddress(project, conversation) {
  if (project === null) return '/';
  return conversation === null ? `/p/${project}` : `/p/${project}/${conversation}`;
}
