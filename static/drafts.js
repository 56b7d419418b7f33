/**
 * What was typed and not sent, in every tab and of every conversation. A tab has its own text; one
 * that finds none takes over what a tab that was closed left behind. Pure: works on plain data.
 */

/** Tabs whose texts are kept for one conversation. */
const MOST_TABS = 8;

/**
 * @typedef {{draft: string, edit: import('./input_history.js').HistoryEntry | null, at: number}} SavedInput by one tab, and
 *   when; `edit` is an earlier question that is being changed, in front of the draft
 * @typedef {Record<string, SavedInput>} Drafts by the tab
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
 * What a tab shows when it opens the conversation, and what is kept from then on. A tab that still
 * is there keeps its text anew with its next letter and when it goes.
 * @param {Drafts} drafts @param {string} tab
 * @returns {{typed: SavedInput | null, drafts: Drafts}}
 */
export function takeDraft(drafts, tab) {
  if (drafts[tab]) return { typed: drafts[tab], drafts };
  const left = newestFirst(drafts)[0];
  if (!left) return { typed: null, drafts };
  const { [left[0]]: typed, ...others } = drafts;
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
  return { ...Object.fromEntries(newestFirst(others).slice(0, MOST_TABS - 1)), [tab]: typed };
}

/** @param {Drafts} drafts */
const newestFirst = (drafts) => Object.entries(drafts).sort(([, one], [, other]) => other.at - one.at);
