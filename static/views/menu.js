/** A menu that a button opens, with arrow keys, Home, End, first letters and Escape. One is open at a time. */
import { element } from './dom.js';

/** Pixels between a menu and the edge of the window. */
const MARGIN = 8;

/**
 * @typedef {object} Item
 * @property {string} label
 * @property {(byKey: boolean) => void} [act]
 * @property {string} [href] a download in place of an action
 * @property {boolean} [isDanger]
 */

/** @param {HTMLElement} button @param {Item[]} items */
export function openMenu(button, items) {
  if (button.nextElementSibling?.matches('.actions-menu')) {
    /** @type {HTMLElement} */ (button.nextElementSibling).hidePopover();
    return;
  }
  const nodes = items.map(node);
  const menu = element('div', {
    className: 'actions-menu', role: 'menu', popover: 'auto', 'aria-label': button.getAttribute('aria-label') ?? 'Actions',
    onkeydown: (/** @type {KeyboardEvent} */ event) => key(event, menu, nodes),
    ontoggle: (/** @type {ToggleEvent} */ event) => event.newState === 'closed' && close(),
    onclick: (/** @type {MouseEvent} */ event) => {
      const at = nodes.indexOf(/** @type {any} */ (event.target));
      if (at < 0) return;
      menu.hidePopover();
      items[at].act?.(event.detail === 0);
    },
  }, ...nodes);
  const close = () => {
    button.setAttribute('aria-expanded', 'false');
    if (menu.contains(document.activeElement)) button.focus();
    menu.remove();
  };
  button.setAttribute('aria-expanded', 'true');
  // After the button in the document, so that Tab goes on from there.
  button.after(menu);
  /** @type {any} */ (menu).showPopover({ source: button });
  place(menu, button);
  nodes[0].focus();
}

/** @param {Item} item */
function node({ label, href, isDanger }) {
  const properties = { role: 'menuitem', tabIndex: -1, className: isDanger ? 'danger' : '' };
  return href === undefined ? element('button', { type: 'button', ...properties }, label)
    : element('a', { href, download: '', ...properties }, label);
}

/** @param {HTMLElement} menu @param {HTMLElement} button */
function place(menu, button) {
  const at = button.getBoundingClientRect();
  const { offsetWidth, offsetHeight } = menu;
  const below = at.bottom + 4;
  const top = below + offsetHeight + MARGIN > innerHeight ? at.top - offsetHeight - 4 : below;
  menu.style.top = `${Math.max(MARGIN, top)}px`;
  menu.style.left = `${Math.max(MARGIN, Math.min(at.right - offsetWidth, innerWidth - offsetWidth - MARGIN))}px`;
}

/** @param {KeyboardEvent} event @param {HTMLElement} menu @param {HTMLElement[]} nodes */
function key(event, menu, nodes) {
  // Keys of an open menu have no other effect on the page.
  event.stopPropagation();
  const at = nodes.indexOf(/** @type {HTMLElement} */ (document.activeElement));
  const letter = event.key.length === 1 && !event.ctrlKey && !event.metaKey && !event.altKey ? event.key.toLowerCase() : null;
  const starts = (/** @type {HTMLElement} */ one) => one.textContent?.toLowerCase().startsWith(letter ?? '');
  const target = {
    ArrowDown: nodes[(at + 1) % nodes.length],
    ArrowUp: nodes[(at - 1 + nodes.length) % nodes.length],
    Home: nodes[0],
    End: nodes[nodes.length - 1],
  }[event.key] ?? (letter && letter !== ' ' ? [...nodes.slice(at + 1), ...nodes].find(starts) : undefined);
  if (target) {
    event.preventDefault();
    target.focus();
  } else if (event.key === 'Escape' || event.key === 'Tab') {
    if (event.key === 'Escape') event.preventDefault();
    menu.hidePopover();
  } else if (event.key === ' ' && nodes[at] instanceof HTMLAnchorElement) {
    event.preventDefault();
    nodes[at].click();
  }
}
