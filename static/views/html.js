/**
 * The only place where HTML is set: parts of answers, which the server has made safe. It writes its
 * own elements and attributes alone, and everything that an answer brings is text in them.
 */

/** @param {HTMLElement} node @param {string} html a part of an answer, as the server sent it */
export function showHtml(node, html) {
  node.innerHTML = html;
}

/** What is read in parts of an answer. @param {string[]} parts */
export function textOf(parts) {
  const read = new DOMParser().parseFromString(parts.join('\n'), 'text/html');
  return (read.body.textContent ?? '').trim();
}
