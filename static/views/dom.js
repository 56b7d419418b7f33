/** Makes elements. Text is only ever set as text: nothing here reads HTML. */

/**
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag
 * @param {Record<string, any>} [properties] `on…` adds a listener, `data-…`, `aria-…` and `role` set
 *   attributes, everything else sets the property
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

/** How long a button says that it has copied, in milliseconds. */
const COPIED = 1500;

/** Copies text, and has the button that was pressed say so. @param {string} text @param {HTMLElement} button */
export async function copyText(text, button) {
  const words = button.textContent ?? '';
  if (button.dataset.words) return;
  button.dataset.words = words;
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = 'Copied';
  } catch {
    button.textContent = 'Not allowed';
  }
  setTimeout(() => {
    button.textContent = words;
    delete button.dataset.words;
  }, COPIED);
}

/** Whether a link is to be followed in place: the person asked for no tab or window of its own. @param {MouseEvent} event */
export const isPlainClick = (event) => (
  event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey && !event.altKey);

/** Sets the text unless it is already there, so that a selection within it survives. @param {Node} node @param {string} text */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}
