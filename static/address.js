/**
 * Addresses within the page: `/p/PROJECT` for a new conversation, `/p/PROJECT/12` for an existing
 * one, `/p/PROJECT/12#turn-3` for one of its turns; all below the base path.
 */
import { BASE } from './base_path.js';

/** @typedef {{project: string | null, conversation: number | null, turn: number | null}} Address */

/** @param {string} path @param {string} [hash] with its `#` @returns {Address} */
export function parseAddress(path, hash = '') {
  const found = /^\/p\/([A-Za-z0-9_-]{1,50})(?:\/(\d{1,15}))?\/?$/.exec(path.startsWith(BASE) ? path.slice(BASE.length) : '');
  if (!found) return { project: null, conversation: null, turn: null };
  const conversation = found[2] ? Number(found[2]) : null;
  const turn = conversation === null ? null : /^#turn-(\d{1,9})$/.exec(hash)?.[1];
  return { project: found[1], conversation, turn: turn ? Number(turn) : null };
}

/** @param {string | null} project @param {number | null} conversation @param {number | null} [turn] */
export function formatAddress(project, conversation, turn = null) {
  if (project === null) return `${BASE}/`;
  if (conversation === null) return `${BASE}/p/${project}`;
  return `${BASE}/p/${project}/${conversation}${turn === null ? '' : `#turn-${turn}`}`;
}
