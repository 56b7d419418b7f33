/** Helpers for elements. Text is always set as text, never as HTML. */

/**
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag
 * @param {Record<string, any>} [properties] `on…` adds a listener; `data-…`, `aria-…`, `role` and `for`
 *   set attributes; all others set properties
 * @param {...(Node | string)} children
 * @returns {HTMLElementTagNameMap[T]}
 */
export function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.startsWith('on')) made.addEventListener(name.slice(2), value);
    else if (/^(data|aria)-|^(role|for)$/.test(name)) made.setAttribute(name, value);
    else /** @type {any} */ (made)[name] = value;
  }
  made.append(...children);
  return made;
}

/** Milliseconds for which a button shows that it has copied. */
const COPIED_TIME = 1500;

/** Copies text, and shows on the button whether that worked. @param {string} text @param {HTMLElement} button */
export async function copyText(text, button) {
  const place = button.querySelector('.word') ?? button;
  const label = place.textContent ?? '';
  if (button.dataset.label) return;
  button.dataset.label = label;
  place.textContent = (await writeClipboard(text)) ? 'Copied' : 'Not allowed';
  setTimeout(() => {
    place.textContent = label;
    delete button.dataset.label;
  }, COPIED_TIME);
}

/** Returns whether the text is in the clipboard now. @param {string} text */
export async function writeClipboard(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // There is no clipboard on pages that come from another machine without TLS.
    return copyBySelection(text);
  }
}

/** @param {string} text */
function copyBySelection(text) {
  const before = /** @type {HTMLElement | null} */ (document.activeElement);
  const field = element('textarea', { value: text, readOnly: true, className: 'visually-hidden', 'aria-hidden': 'true', tabIndex: -1 });
  document.body.append(field);
  field.select();
  try {
    return document.execCommand('copy');
  } finally {
    field.remove();
    before?.focus({ preventScroll: true });
  }
}

/** Whether a click opens a link in place, not in a new tab or window. @param {MouseEvent} event */
export const isPlainClick = (event) => (
  event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey && !event.altKey);

/** Sets the text if it differs, so that a selection in it survives. @param {Node} node @param {string} text */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/**
 * Sets the children. Those that stay do not move, so that a press that began on one still clicks on it.
 * @param {Node} parent @param {Node[]} children each once
 */
export function setChildren(parent, children) {
  const wanted = new Set(children);
  for (const child of [...parent.childNodes]) if (!wanted.has(/** @type {Node} */ (child))) parent.removeChild(child);
  for (const [at, child] of children.entries()) {
    const there = parent.childNodes[at] ?? null;
    if (there !== child) parent.insertBefore(child, there);
  }
}
