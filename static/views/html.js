/**
 * The only place where HTML is set: parts of answers and lines of files. The server makes them safe:
 * all elements and attributes are its own, and what an agent wrote is text.
 */

/** @param {HTMLElement} node @param {string} html as the server sent it */
export function setHtml(node, html) {
  node.innerHTML = html;
}

/**
 * Highlights code that is already shown. Returns false, and does nothing, if more has changed.
 * @param {HTMLElement} node @param {string} before HTML that is shown @param {string} html
 */
export function applyHighlighting(node, before, html) {
  if (before === '' || withoutHighlighting(before) !== withoutHighlighting(html)) return false;
  const highlighted = new DOMParser().parseFromString(html, 'text/html').querySelectorAll('pre > code');
  node.querySelectorAll('pre > code').forEach((code, at) => code.replaceChildren(...highlighted[at].childNodes));
  return true;
}

/** @param {string} html */
function withoutHighlighting(html) {
  return html.replace(/<pre>.*?<\/pre>/gs, (code) => code.replace(/<\/?span[^>]*>/g, ''));
}
