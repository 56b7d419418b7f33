/**
 * The text of an answer, in parts that the server rendered. Unchanged parts are not touched, so the
 * scroll position and the selection survive.
 */
import { byReference } from '../reference.js';
import { copyText, element } from './dom.js';
import { applyHighlighting, setHtml } from './html.js';
import { followReference, markReferences } from './references.js';

export class AnswerText extends HTMLElement {
  /** @type {{html: string, node: HTMLElement, isOffered?: boolean}[]} */
  #shown = [];
  /** @type {import('../protocol.js').Citation[] | undefined} */
  #citations = undefined;

  connectedCallback() {
    this.addEventListener('click', copy);
    this.addEventListener('click', followReference);
  }

  /** @param {string[]} parts @param {import('../store.js').Turn} turn */
  update(parts, { turn, citations, end }) {
    const isNew = citations !== this.#citations;
    this.#citations = citations;
    const citing = citations && { turn, found: byReference(citations) };
    for (const [index, html] of parts.entries()) {
      let shown = this.#shown[index];
      if (shown?.html === html) {
        if (citing && isNew) markReferences(shown.node, citing);
        continue;
      }
      if (!shown) {
        shown = { html: '', node: element('div', { className: 'part' }) };
        this.#shown.push(shown);
        this.append(shown.node);
      }
      const before = shown.html;
      shown.html = html;
      // Highlighting comes later than the code, whose elements stay.
      if (!applyHighlighting(shown.node, before, html)) {
        setHtml(shown.node, html);
        shown.isOffered = false;
        shown.node.querySelectorAll('pre').forEach(frameCode);
        shown.node.querySelectorAll('.table').forEach(frameTable);
        setDirections(shown.node);
      }
      if (citing) markReferences(shown.node, citing);
    }
    for (const { node } of this.#shown.splice(parts.length)) node.remove();
    for (const shown of end ? this.#shown : this.#shown.slice(0, -1)) {
      if (shown.isOffered) continue;
      shown.isOffered = true;
      // Without them, the sources are shown.
      if (shown.node.querySelector('.math, .language-mermaid')) import('../drawings.js').then((it) => it.offer(shown.node), () => null);
    }
  }
}

/** Makes code focusable, shows its language, and adds a button that copies it. @param {HTMLElement} pre */
function frameCode(pre) {
  const language = /language-(\S+)/.exec(pre.firstElementChild?.className ?? '')?.[1];
  pre.tabIndex = 0;
  const frame = element('div', { className: 'code' });
  pre.replaceWith(frame);
  frame.append(pre);
  if (language) frame.dataset.language = language;
  frame.append(element('button', { type: 'button', className: 'quiet copy' }, 'Copy'));
}

/** Lets keys scroll a table. @param {Element} table */
function frameTable(table) {
  table.setAttribute('tabindex', '0');
  table.setAttribute('role', 'group');
  table.setAttribute('aria-label', 'Table');
}

/** What has a direction of its own, with all that it contains. */
const DIRECTED = 'p, h3, h4, h5, h6, ul, ol, blockquote, th, td, summary';

/** Gives each block the direction of its words. Code and paths are no words. @param {HTMLElement} part */
function setDirections(part) {
  for (const code of /** @type {NodeListOf<HTMLElement>} */ (part.querySelectorAll('code, pre, a.reference'))) code.dir = 'ltr';
  for (const block of /** @type {NodeListOf<HTMLElement>} */ (part.querySelectorAll(DIRECTED))) {
    if (!block.parentElement?.closest('[dir="auto"]')) block.dir = 'auto';
  }
}

/** @param {Event} event */
function copy(event) {
  const button = /** @type {HTMLElement | null} */ (/** @type {Element} */ (event.target).closest('.copy'));
  const code = button?.parentElement?.querySelector('pre')?.textContent;
  if (button && code) copyText(code, button);
}

customElements.define('answer-text', AnswerText);
