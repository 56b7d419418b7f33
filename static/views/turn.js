/** One turn: the person's words, and what the agent did and said. Parts that did not change are not touched. */
import { costs } from '../words.js';
import './answer.js';
import { element, setText } from './element.js';
import './question.js';
import { followReference } from './references.js';
import './run.js';
import { sources } from './sources.js';

export class TurnView extends HTMLElement {
  /** @type {import('../store.js').Turn | null} */
  #turn = null;
  #place = '';
  #article = element('article', {});
  #question = element('h2', { className: 'question', hidden: true });
  #author = element('p', { className: 'note author', hidden: true });
  #parts = element('div', { className: 'parts' });
  #waits = element('p', { className: 'note waits', hidden: true }, 'Waits for the answer before it.');
  #end = element('footer', { className: 'end', onclick: followReference });
  /** What shows a part, by the part's key. @type {Map<string, HTMLElement>} */
  #shown = new Map();

  connectedCallback() {
    if (this.#article.parentNode) return;
    this.#article.append(this.#author, this.#question, this.#waits, this.#parts, this.#end);
    this.append(this.#article);
  }

  /**
   * @param {import('../store.js').Turn} turn
   * @param {string} root the project's directory
   * @param {'waits' | 'last' | 'passed'} place whether it waits for another turn, or others follow it
   */
  update(turn, root, place) {
    if (turn === this.#turn && place === this.#place) return;
    const ended = turn.end !== this.#turn?.end || this.#turn === null;
    this.#turn = turn;
    this.#place = place;
    this.dataset.turn = String(turn.turn);
    this.tabIndex = -1;
    this.#question.hidden = turn.question === null;
    setText(this.#question, turn.question ?? '');
    this.#author.hidden = !turn.author;
    setText(this.#author, turn.author ?? '');
    this.#waits.hidden = place !== 'waits';
    const still = turn.parts.filter((part) => this.#shown.has(part.key)).length;
    if (still < this.#shown.size) {
      this.#shown.clear();
      this.#parts.replaceChildren();
    }
    for (const [index, part] of turn.parts.entries()) {
      change(this.#nodeFor(part, turn.parts[index - 1]), part, root, place !== 'last', turn);
    }
    if (ended) this.#renderEnd(turn);
  }

  /**
   * What shows a part. Tool calls that follow one another share it.
   * @param {import('../store.js').Part} part
   * @param {import('../store.js').Part | undefined} before
   */
  #nodeFor(part, before) {
    const known = this.#shown.get(part.key);
    if (known) return known;
    const previous = before && this.#shown.get(before.key);
    const isShared = part.kind === 'tool' && before?.kind === 'tool';
    const node = previous && isShared ? previous : make(part);
    if (node !== previous) this.#parts.insertBefore(node, previous ? previous.nextSibling : this.#parts.firstChild);
    this.#shown.set(part.key, node);
    return node;
  }

  /** @param {import('../store.js').Turn} turn */
  #renderEnd(turn) {
    const end = turn.end;
    this.#end.hidden = !end || turn.turn === 0;
    if (!end) return;
    const again = () => element('button', {
      type: 'button',
      onclick: () => this.dispatchEvent(new CustomEvent('ask-again', {
        detail: { turn: turn.turn, question: turn.question }, bubbles: true,
      })),
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
      const files = sources(end, turn.turn);
      if (files) pieces.push(files);
    }
    if (turn.question !== null) pieces.push(linkButton(turn.turn));
    this.#end.replaceChildren(...pieces);
  }
}

/** @param {number} turn */
const linkButton = (turn) => element('button', {
  type: 'button', className: 'quiet link',
  onclick: (/** @type {Event} */ event) => event.target?.dispatchEvent(new CustomEvent('copy-link', { detail: { turn }, bubbles: true })),
}, 'Copy link');

/** @param {import('../store.js').Part} part @returns {HTMLElement} */
function make(part) {
  switch (part.kind) {
    case 'text': return document.createElement('answer-text');
    case 'thinking':
      return element('details', { className: 'thinking' }, element('summary', {}, 'Thinking'), element('p'));
    case 'tool': return document.createElement('tool-run');
    case 'question': return document.createElement('question-card');
  }
}

/**
 * @param {any} node what `make` made for the part
 * @param {import('../store.js').Part} part
 * @param {string} root
 * @param {boolean} passed a later turn exists
 * @param {import('../store.js').Turn} turn
 */
function change(node, part, root, passed, turn) {
  switch (part.kind) {
    case 'text': return node.update(part.html, turn);
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
