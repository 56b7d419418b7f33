/**
 * One turn: the person's words, and what the agent did and said. Parts that did not change are not
 * touched. Far from the screen it rests: only the question stays in the document, in a box of the
 * turn's height.
 */
import { turnUsage } from '../usage.js';
import { isOwn } from '../input_history.js';
import { localTimes, queuePositionText, stoppedText } from '../text.js';
import './answer_text.js';
import './question_text.js';
import { element, setText } from './dom.js';
import { estimateHeight } from './virtual_list.js';
import './question_card.js';
import { followReference } from './references.js';
import './step_group.js';
import { sources } from './sources.js';

/**
 * @typedef {{ahead: number, isLast: boolean}} QueuePlace questions that are answered before it, and whether others follow
 * @typedef {{root: string, user: string | null, width: number}} TurnContext the project's directory, who looks, and
 *   how wide the text is
 */

export class TurnView extends HTMLElement {
  /** @type {import('../store.js').Turn | null} */
  #turn = null;
  /** @type {QueuePlace} */
  #place = { ahead: 0, isLast: true };
  /** @type {TurnContext} */
  #around = { root: '', user: null, width: 0 };
  /** What the parts and the end show. @type {import('../store.js').Turn | null} */
  #drawn = null;
  isRendered = false;
  #article = element('article', {});
  #question = /** @type {import('./question_text.js').QuestionText} */ (document.createElement('question-text'));
  #edit = element('button', {
    type: 'button', className: 'quiet edit', onclick: () => this.#emit('edit-question'),
  }, 'Edit');
  #asked = element('div', { className: 'question-row', hidden: true }, this.#question, this.#edit);
  #author = element('p', { className: 'note author', hidden: true });
  #parts = element('div', { className: 'parts' });
  #waits = element('p', { className: 'note queue-note', hidden: true });
  #end = element('footer', { className: 'end', hidden: true, onclick: followReference });
  /** What shows a part, by the part's key. @type {Map<string, HTMLElement>} */
  #shown = new Map();

  connectedCallback() {
    if (this.#article.parentNode) return;
    this.#article.append(this.#author, this.#asked, this.#waits);
    this.append(this.#article);
  }

  /**
   * @param {import('../store.js').Turn} turn
   * @param {QueuePlace} place
   * @param {TurnContext} around
   */
  update(turn, place, around) {
    const isSamePlace = place.ahead === this.#place.ahead && place.isLast === this.#place.isLast;
    if (turn === this.#turn && isSamePlace && around.user === this.#around.user) return;
    const isNew = this.#turn === null;
    this.#turn = turn;
    this.#place = place;
    this.#around = around;
    if (isNew) {
      this.dataset.turn = String(turn.turn);
      this.tabIndex = -1;
      this.rest(estimateHeight(turn, around.width));
    }
    this.#asked.hidden = turn.question === null;
    this.#question.update(turn.question ?? '');
    this.#edit.hidden = !isOwn(turn, around.user);
    this.#author.hidden = !turn.author;
    setText(this.#author, turn.author ?? '');
    this.#waits.hidden = place.ahead === 0;
    setText(this.#waits, place.ahead > 0 ? queuePositionText(place.ahead) : '');
    if (this.isRendered) this.#draw();
  }

  /** Comes into the document whole. */
  show() {
    if (this.isRendered) return;
    this.isRendered = true;
    this.removeAttribute('data-placeholder');
    this.style.height = '';
    this.#article.append(this.#parts, this.#end);
    this.#draw();
  }

  /** Leaves all but the question out of the document. @param {number} height of the whole, in pixels */
  rest(height) {
    this.isRendered = false;
    this.toggleAttribute('data-placeholder', true);
    this.style.height = `${height}px`;
    this.style.containIntrinsicBlockSize = `auto ${height}px`;
    this.#parts.remove();
    this.#end.remove();
  }

  #draw() {
    const turn = this.#turn;
    if (!turn) return;
    const still = turn.parts.filter((part) => this.#shown.has(part.key)).length;
    if (still < this.#shown.size) {
      this.#shown.clear();
      this.#parts.replaceChildren();
    }
    for (const [index, part] of turn.parts.entries()) {
      change(this.#nodeFor(part, turn.parts[index - 1]), part, this.#around.root, !this.#place.isLast, turn);
    }
    if (turn.end !== this.#drawn?.end || this.#drawn === null) this.#renderEnd(turn);
    this.#drawn = turn;
  }

  /**
   * What shows a part. Steps that follow one another share it.
   * @param {import('../store.js').Part} part
   * @param {import('../store.js').Part | undefined} before
   */
  #nodeFor(part, before) {
    const known = this.#shown.get(part.key);
    if (known) return known;
    const previous = before && this.#shown.get(before.key);
    const isShared = isStep(part) && before !== undefined && isStep(before);
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
      onclick: () => this.#emit('ask-again'),
    }, 'Ask again');
    /** @type {(Node | string)[]} */
    const pieces = [];
    if (end.kind === 'error') {
      this.#end.hidden = false;
      pieces.push(element('p', { className: 'error' }, localTimes(end.content)));
      if (end.startOver && turn.question !== null) {
        pieces.push(element('button', { type: 'button', onclick: () => this.#emit('start-over') }, 'Ask in a new conversation'));
      }
      if (end.retryable && turn.question !== null) pieces.push(element('p', {}, 'Your question is kept.'), again());
    } else if (end.outcome === 'interrupted') {
      pieces.push(element('p', {}, 'This answer was cut off when the server stopped.'), again());
    } else {
      if (end.outcome === 'stopped') pieces.push(element('p', {}, stoppedText(end)), again());
      const words = turnUsage(end);
      if (words) pieces.push(element('small', {}, words));
    }
    for (const note of end.notes) pieces.push(element('p', { className: 'note' }, localTimes(note)));
    if (turn.question !== null) pieces.push(linkButton(turn.turn));
    const files = sources(end, turn.turn);
    if (files) pieces.push(files);
    this.#end.replaceChildren(...pieces);
  }

  /** @param {string} name */
  #emit(name) {
    const { turn, question } = this.#turn ?? {};
    this.dispatchEvent(new CustomEvent(name, { detail: { turn, question }, bubbles: true }));
  }
}

/** @param {number} turn */
const linkButton = (turn) => element('button', {
  type: 'button', className: 'quiet link',
  onclick: (/** @type {Event} */ event) => event.target?.dispatchEvent(new CustomEvent('copy-link', { detail: { turn }, bubbles: true })),
}, 'Copy link');
/** @param {import('../store.js').Part} part */
const isStep = (part) => part.kind === 'tool' || part.kind === 'thinking';

/** @param {import('../store.js').Part} part @returns {HTMLElement} */
function make(part) {
  switch (part.kind) {
    case 'text': return document.createElement('answer-text');
    case 'thinking':
    case 'tool': return document.createElement('step-group');
    case 'question': return document.createElement('question-card');
  }
}

/**
 * @param {any} node what `make` made for the part
 * @param {import('../store.js').Part} part
 * @param {string} root
 * @param {boolean} isPassed a later turn exists
 * @param {import('../store.js').Turn} turn
 */
function change(node, part, root, isPassed, turn) {
  switch (part.kind) {
    case 'text': return node.update(part.html, turn);
    case 'thinking':
    case 'tool': return node.update(part, root, turn.end !== null);
    case 'question': return node.update(part, isPassed);
  }
}

customElements.define('turn-view', TurnView);
