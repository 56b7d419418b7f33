/**
 * An answer's text: its parts, as the server rendered them. A part that did not change is not
 * touched, so that what was read stays where it is and what was selected stays selected.
 */
import { byReference } from '../reference.js';
import { copyText, element } from './dom.js';
import { applyHighlighting, setHtml } from './html.js';
import { followReference, markReferences } from './references.js';

export class AnswerText extends HTMLElement {
  /** @type {{html: string, node: HTMLElement}[]} */
  #shown = [];
  /** @type {import('../protocol.js').Citation[] | undefined} */
  #citations = undefined;

  connectedCallback() {
    this.addEventListener('click', copy);
    this.addEventListener('click', followReference);
  }

  /** @param {string[]} parts @param {import('../store.js').Turn} turn */
  update(parts, { turn, citations }) {
    const isChecked = citations !== this.#citations;
    this.#citations = citations;
    const citing = citations && { turn, found: byReference(citations) };
    for (const [index, html] of parts.entries()) {
      let shown = this.#shown[index];
      if (shown?.html === html) {
        if (citing && isChecked) markReferences(shown.node, citing);
        continue;
      }
      if (!shown) {
        shown = { html: '', node: element('div', { className: 'part' }) };
        this.#shown.push(shown);
        this.append(shown.node);
      }
      const before = shown.html;
      shown.html = html;
      // The colours of code come some time after it: what stands there stays.
      if (!applyHighlighting(shown.node, before, html)) {
        setHtml(shown.node, html);
        shown.node.querySelectorAll('pre').forEach(furnish);
      }
      if (citing) markReferences(shown.node, citing);
    }
    for (const { node } of this.#shown.splice(parts.length)) node.remove();
  }
}

/** Makes code reachable by keyboard, names its language and lets it be copied. @param {HTMLElement} pre */
function furnish(pre) {
  const language = /language-(\S+)/.exec(pre.firstElementChild?.className ?? '')?.[1];
  pre.tabIndex = 0;
  const frame = element('div', { className: 'code' });
  pre.replaceWith(frame);
  frame.append(pre);
  if (language) frame.dataset.language = language;
  // A page that came without TLS from another machine has no clipboard.
  if (navigator.clipboard) frame.append(element('button', { type: 'button', className: 'quiet copy' }, 'Copy'));
}

/** @param {Event} event */
function copy(event) {
  const button = /** @type {HTMLElement | null} */ (/** @type {Element} */ (event.target).closest('.copy'));
  const code = button?.parentElement?.querySelector('pre')?.textContent;
  if (button && code) copyText(code, button);
}

customElements.define('answer-text', AnswerText);
