/** Keyboard shortcuts of the whole page, bound in `app.js`. The question field handles its own keys. */

/**
 * @typedef {object} Bindings
 * @property {(() => boolean)[]} escape tried in order until one returns true
 * @property {Record<string, () => void>} anywhere keys with Ctrl or ⌘, such as `Shift+O`; also in fields
 * @property {Record<string, () => void>} outside plain keys outside of fields
 */

const FIELDS = 'input, textarea, select, [contenteditable]';

/** @param {Bindings} bindings */
export function bindKeys({ escape, anywhere, outside }) {
  document.addEventListener('keydown', (event) => {
    if (event.isComposing || event.defaultPrevented || document.querySelector('dialog[open]')) return;
    if (event.key === 'Escape') {
      escape.some((close) => close());
      return;
    }
    const withCommand = event.ctrlKey || event.metaKey;
    const isField = /** @type {Element} */ (event.target).matches?.(FIELDS);
    const bound = withCommand ? anywhere[`${event.shiftKey ? 'Shift+' : ''}${event.key.toUpperCase()}`]
      : isField || event.altKey ? undefined : outside[event.key];
    if (!bound) return;
    event.preventDefault();
    bound();
  });
}

/** Has the links at the beginning of the page go to its parts. @param {Record<string, () => void>} parts by the target of the link */
export function bindSkipLinks(parts) {
  for (const link of document.querySelectorAll('a.skip')) {
    link.addEventListener('click', (event) => {
      // The address of the page stays.
      event.preventDefault();
      parts[link.getAttribute('href')?.slice(1) ?? '']?.();
    });
  }
}

/**
 * Notices the browser's own search, which finds only what is in the document.
 * @param {{opened: () => void, closed: () => void}} handlers `closed` is called when the page is used again
 */
export function watchBrowserSearch({ opened, closed }) {
  let isOpen = false;
  document.addEventListener('keydown', (event) => {
    const isSearch = event.key === 'F3' || ((event.ctrlKey || event.metaKey) && ['f', 'g'].includes(event.key.toLowerCase()));
    if (isSearch) opened();
    else if (isOpen && !['Control', 'Meta', 'Shift'].includes(event.key)) closed();
    isOpen = isSearch || (isOpen && ['Control', 'Meta', 'Shift'].includes(event.key));
  }, { capture: true });
  document.addEventListener('pointerdown', () => {
    if (isOpen) closed();
    isOpen = false;
  }, { capture: true });
}
