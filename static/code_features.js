/** What leads through the code without an agent, loaded when it is used: the search in files. */
import { element } from './views/dom.js';
import './views/code_search.js';

/** @type {Promise<void> | null} */
let styles = null;

/** Loads what these parts look like. A failure leaves them usable. */
function loadStyles() {
  styles ??= new Promise((resolve) => {
    const base = document.querySelector('link[rel="stylesheet"]')?.getAttribute('href') ?? '';
    document.head.append(element('link', {
      rel: 'stylesheet', href: base.replace('base.css', 'code.css'), onload: () => resolve(), onerror: () => resolve(),
    }));
  });
  return styles;
}

/** Opens the search in files. @param {import('./page.js').Page} page @param {string} [text] to search for */
export async function openCodeSearch({ state, main }, text) {
  const { project } = state;
  if (project === null) return;
  await loadStyles();
  const known = /** @type {import('./views/code_search.js').CodeSearch | null} */ (document.querySelector('code-search'));
  const view = known ?? /** @type {import('./views/code_search.js').CodeSearch} */ (document.createElement('code-search'));
  if (!known) main.append(view);
  view.open(project, text);
}
