/** What leads through the code without an agent, loaded when it is used: the search in files. */
import { aboutText, quotedLines } from './code_names.js';
import './views/code_search.js';

/** Opens the search in files. @param {import('./page.js').Page} page @param {Partial<import('./text_search.js').TextQuery>} [query] */
export function openCodeSearch({ state, main }, query) {
  const { project } = state;
  if (project === null) return;
  const known = /** @type {import('./views/code_search.js').CodeSearch | null} */ (document.querySelector('code-search'));
  const view = known ?? /** @type {import('./views/code_search.js').CodeSearch} */ (document.createElement('code-search'));
  if (!known) main.append(view);
  view.open(project, query);
}

/**
 * Begins a question about lines with their place; what they say stands below it, if it is short.
 * @param {import('./page.js').Page} page @param {import('./file_navigation.js').FileNavigation} files
 * @param {{reference: import('./reference.js').Reference, lines: string[]}} about
 */
export function askAbout(page, files, { reference, lines }) {
  /** @type {import('./views/code_search.js').CodeSearch | null} */ (document.querySelector('code-search'))?.close();
  // Where the file covers the question, it makes room.
  if (matchMedia('(max-width: 899px)').matches) files.close();
  page.composer.insert(aboutText(reference), quotedLines(lines));
}
