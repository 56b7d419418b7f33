/** Marks for invisible characters, see `invisible.js`. */
import { withNames } from '../invisible.js';
import { element } from './dom.js';

/** The text as nodes, with marks. @param {string} text @param {import('../invisible.js').Kind} [kind] @returns {(string | Node)[]} */
export function marked(text, kind = 'code') {
  return withNames(text, kind).map((piece) => (typeof piece === 'string' ? piece : element('bdi', {
    className: 'invisible', role: 'img', title: piece.name, 'aria-label': `${piece.number} ${piece.name}`, 'data-mark': piece.number,
  }, piece.character)));
}

/** Sets the text with marks if it differs, so that a selection in it survives. @param {Element} node @param {string} text @param {import('../invisible.js').Kind} [kind] */
export function setMarkedText(node, text, kind = 'code') {
  if (node.textContent !== text) node.replaceChildren(...marked(text, kind));
}

/** Puts marks into the text of an element. @param {Node} node */
export function markInvisible(node) {
  const walker = document.createTreeWalker(node, NodeFilter.SHOW_TEXT);
  /** @type {Text[]} */
  const texts = [];
  while (walker.nextNode()) texts.push(/** @type {Text} */ (walker.currentNode));
  for (const text of texts) {
    const nodes = marked(text.data);
    if (nodes.some((it) => typeof it !== 'string')) text.replaceWith(...nodes);
  }
}
