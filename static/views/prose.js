/** Messages of the server: sentences whose code is code. */
import { proseOf } from '../text.js';
import { element } from './dom.js';

/** The messages that elements show. @type {WeakMap<Element, string>} */
const messages = new WeakMap();

/** Shows a message of the server, unless it is shown already. @param {Element} node @param {string} message */
export function setProse(node, message) {
  if (messages.get(node) === message) return;
  messages.set(node, message);
  node.replaceChildren(...prose(message));
}

/** A message of the server as nodes. @param {string} message @returns {(Node | string)[]} */
export const prose = (message) => proseOf(message).map(({ text, isCode }) => (isCode ? element('code', {}, text) : text));

/** Messages as items of a list. @param {string[]} messages */
export const proseItems = (messages) => messages.map((message) => element('li', {}, ...prose(message)));
