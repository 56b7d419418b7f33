/** Which key does what, wherever the focus is. A key is bound in `app.js`; the field's own keys are its own. */

/**
 * @typedef {object} Bindings
 * @property {(() => boolean)[]} escape what Escape closes: the first that says it did is the only one
 * @property {Record<string, () => void>} anywhere keys with Ctrl or ⌘, also in fields, such as `Shift+O`
 * @property {Record<string, () => void>} outside plain keys, outside of fields
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

/**
 * Follows the browser's own search, which only finds what is in the document.
 * @param {{begin: () => void, end: () => void}} search `end` is called when the page is used again
 */
export function bindSearch({ begin, end }) {
  let isOpen = false;
  document.addEventListener('keydown', (event) => {
    const isSearch = event.key === 'F3' || ((event.ctrlKey || event.metaKey) && ['f', 'g'].includes(event.key.toLowerCase()));
    if (isSearch) begin();
    else if (isOpen && !['Control', 'Meta', 'Shift'].includes(event.key)) end();
    isOpen = isSearch || (isOpen && ['Control', 'Meta', 'Shift'].includes(event.key));
  }, { capture: true });
  document.addEventListener('pointerdown', () => {
    if (isOpen) end();
    isOpen = false;
  }, { capture: true });
}
