/**
 * Unsent text of a conversation, an entry for each tab. A tab without one takes over the newest
 * entry of another tab, which may be closed. Pure.
 */

/** Entries stored for one conversation. */
const MAX_TABS = 8;

/**
 * @typedef {{draft: string, edit: import('./input_history.js').HistoryEntry | null, at: number, agent?: string}} SavedInput
 *   `edit` is an earlier question that is being changed while the draft waits; `at` is the time in milliseconds;
 *   `agent` was chosen since the last question
 * @typedef {Record<string, SavedInput>} Drafts by tab
 */

/** @param {string | null} stored @returns {Drafts} */
export function parseDrafts(stored) {
  try {
    const drafts = JSON.parse(stored ?? '{}');
    return drafts !== null && typeof drafts === 'object' && !Array.isArray(drafts) ? drafts : {};
  } catch {
    return {};
  }
}

/**
 * The text for a tab that opens the conversation, and the entries to store. An open tab whose entry
 * was taken over stores it again with its next key and when it is closed.
 * @param {Drafts} drafts @param {string} tab
 * @returns {{typed: SavedInput | null, drafts: Drafts}}
 */
export function takeDraft(drafts, tab) {
  if (drafts[tab]) return { typed: drafts[tab], drafts };
  const newest = newestFirst(drafts)[0];
  if (!newest) return { typed: null, drafts };
  const { [newest[0]]: typed, ...others } = drafts;
  return { typed, drafts: { ...others, [tab]: typed } };
}

/**
 * @param {Drafts} drafts @param {string} tab
 * @param {SavedInput | null} typed
 * @returns {Drafts}
 */
export function putDraft(drafts, tab, typed) {
  const { [tab]: _, ...others } = drafts;
  if (typed === null) return others;
  return { ...Object.fromEntries(newestFirst(others).slice(0, MAX_TABS - 1)), [tab]: typed };
}

/** @param {Drafts} drafts */
const newestFirst = (drafts) => Object.entries(drafts).sort(([, one], [, other]) => other.at - one.at);
