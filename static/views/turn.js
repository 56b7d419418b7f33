/** One turn: the person's words, and what the agent did and said. Parts that did not change are not touched. */
import { costs } from '../words.js';
import { element, setText } from './element.js';
import './prose.js';
import './question.js';
import './tool.js';

export class TurnView extends HTMLElement {
  /** @type {import('../store.js').Turn | null} */
  #turn = null;
  #passed = false;
  #article = element('article', {});
  #question = element('h2', { className: 'question', hidden: true });
  #parts = element('div', { className: 'parts' });
  #end = element('footer', { className: 'end' });
  /** @type {Map<string, HTMLElement>} */
  #shown = new Map();

  connectedCallback() {
    if (this.#article.parentNode) return;
    this.#article.append(this.#question, this.#parts, this.#end);
    this.append(this.#article);
  }

  /**
   * @param {import('../store.js').Turn} turn
   * @param {string} root the project's directory
   * @param {boolean} passed a later turn exists
   */
  update(turn, root, passed) {
    if (turn === this.#turn && passed === this.#passed) return;
    const ended = turn.end !== this.#turn?.end || this.#turn === null;
    this.#turn = turn;
    this.#passed = passed;
    this.dataset.turn = String(turn.turn);
    this.tabIndex = -1;
    this.#question.hidden = turn.question === null;
    setText(this.#question, turn.question ?? '');
    for (const [index, part] of turn.parts.entries()) {
      let node = this.#shown.get(part.key);
      if (!node) {
        node = make(part);
        this.#shown.set(part.key, node);
        this.#parts.insertBefore(node, this.#parts.children[index] ?? null);
      }
      change(node, part, root, passed);
    }
    if (ended) this.#renderEnd(turn);
  }

  /** @param {import('../store.js').Turn} turn */
  #renderEnd(turn) {
    const end = turn.end;
    this.#end.hidden = !end || turn.turn === 0;
    if (!end) return;
    const again = () => element('button', {
      type: 'button',
      onclick: () => this.dispatchEvent(new CustomEvent('ask', { detail: turn.question, bubbles: true })),
    }, 'Ask again');
    /** @type {(Node | string)[]} */
    const pieces = [];
    if (end.kind === 'error') {
      this.#end.hidden = false;
      pieces.push(element('p', { className: 'error' }, end.content));
      if (end.retryable && turn.question !== null) pieces.push(again());
    } else if (end.outcome === 'interrupted') {
      pieces.push(element('p', {}, 'This answer was cut off when the server stopped.'), again());
    } else {
      if (end.outcome === 'stopped') pieces.push(element('p', {}, 'Stopped.'));
      const words = costs(end);
      if (words) pieces.push(element('small', {}, words));
    }
    this.#end.replaceChildren(...pieces);
  }
}

/** @param {import('../store.js').Part} part @returns {HTMLElement} */
function make(part) {
  switch (part.kind) {
    case 'text': return document.createElement('answer-text');
    case 'thinking':
      return element('details', { className: 'thinking' }, element('summary', {}, 'Thinking'), element('p'));
    case 'tool': return document.createElement('tool-call');
    case 'question': return document.createElement('question-card');
  }
}

/**
 * @param {any} node what `make` made for the part
 * @param {import('../store.js').Part} part
 * @param {string} root
 * @param {boolean} passed
 */
function change(node, part, root, passed) {
  switch (part.kind) {
    case 'text': return node.update(part.content);
    case 'thinking': return grow(node.lastElementChild, part.content);
    case 'tool': return node.update(part, root);
    case 'question': return node.update(part, passed);
  }
}

/** @param {HTMLElement} node @param {string} text */
function grow(node, text) {
  const before = node.textContent ?? '';
  if (before && text.startsWith(before)) node.append(text.slice(before.length));
  else setText(node, text);
}

customElements.define('turn-view', TurnView);
