/**
 * The only place where HTML is set: parts of answers, which the server has made safe. It writes its
 * own elements and attributes alone, and everything that an answer brings is text in them.
 */

/** @param {HTMLElement} node @param {string} html a part of an answer, as the server sent it */
export function setHtml(node, html) {
  node.innerHTML = html;
}

/**
 * Puts the colours of code into code that is shown; false where more than that has changed.
 * @param {HTMLElement} node @param {string} before what is shown @param {string} html
 */
export function applyHighlighting(node, before, html) {
  if (before === '' || plain(before) !== plain(html)) return false;
  const coloured = new DOMParser().parseFromString(html, 'text/html').querySelectorAll('pre > code');
  node.querySelectorAll('pre > code').forEach((code, at) => code.replaceChildren(...coloured[at].childNodes));
  return true;
}

/** A part without the colours of its code. @param {string} html */
function plain(html) {
  return html.replace(/<pre>.*?<\/pre>/gs, (code) => code.replace(/<\/?span[^>]*>/g, ''));
}
