/**
 * Answer text. While it grows, finished blocks are never touched, and growth at the end of a block
 * is appended to its last text node.
 */
import { splitBlocks, splitInline } from '../prose.js';
import { element } from './element.js';

export class AnswerText extends HTMLElement {
  #source = '';
  /** @type {{block: import('../prose.js').Block, node: HTMLElement}[]} */
  #shown = [];

  /** @param {string} source */
  update(source) {
    if (source === this.#source) return;
    const grown = source.startsWith(this.#source);
    this.#source = source;
    // What comes before the last block is final as long as the text only grows.
    const kept = grown ? Math.max(0, this.#shown.length - 1) : 0;
    const from = this.#shown[kept]?.block.start ?? 0;
    const blocks = splitBlocks(source, grown ? from : 0);
    const old = this.#shown.splice(kept);
    for (const [index, block] of blocks.entries()) {
      const before = old[index];
      if (before && before.block.kind === block.kind && before.block.language === block.language) {
        change(before.node, before.block, block);
        this.#shown.push({ block, node: before.node });
      } else {
        before?.node.remove();
        const node = make(block);
        this.insertBefore(node, old[index + 1]?.node ?? null);
        this.#shown.push({ block, node });
      }
    }
    for (const { node } of old.slice(blocks.length)) node.remove();
  }
}

/** @param {import('../prose.js').Block} block */
function make(block) {
  if (block.kind === 'code') {
    const pre = element('pre', { tabIndex: 0 }, element('code', {}, block.text));
    if (block.language) pre.dataset.language = block.language;
    return pre;
  }
  const node = element('p', { className: block.kind === 'paragraph' ? '' : block.kind });
  node.append(...spans(block.text));
  return node;
}

/**
 * @param {HTMLElement} node
 * @param {import('../prose.js').Block} before
 * @param {import('../prose.js').Block} after
 */
function change(node, before, after) {
  if (before.text === after.text) return;
  const grown = after.text.startsWith(before.text) ? after.text.slice(before.text.length) : null;
  if (after.kind === 'code') {
    const code = /** @type {HTMLElement} */ (node.firstElementChild);
    if (grown !== null) append(code, grown);
    else code.textContent = after.text;
  } else if (grown !== null && isPlain(grown) && endsPlain(node)) {
    append(node, grown);
  } else {
    node.replaceChildren(...spans(after.text));
  }
}

/** Whether nothing in it can open or close a span. @param {string} text */
function isPlain(text) {
  return !/[`*]/.test(text);
}

/** @param {HTMLElement} node */
function endsPlain(node) {
  const last = node.lastChild;
  return last?.nodeType === Node.TEXT_NODE && isPlain(/** @type {Text} */ (last).data);
}

/** @param {HTMLElement} node @param {string} text */
function append(node, text) {
  const last = node.lastChild;
  if (last?.nodeType === Node.TEXT_NODE) /** @type {Text} */ (last).appendData(text);
  else node.append(text);
}

/** @param {string} text */
function spans(text) {
  return splitInline(text).map((span) => {
    if (span.kind === 'plain') return document.createTextNode(span.text);
    return element(span.kind, {}, span.text);
  });
}

customElements.define('answer-text', AnswerText);
