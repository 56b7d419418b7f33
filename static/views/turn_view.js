/**
 * A turn: the question, the agent's steps and its answer. Unchanged parts are not touched. Far from
 * the screen only the question stays in the document, in a placeholder of the turn's height.
 */
import { dayAndTime, fullTime } from '../dates.js';
import { checkoutText } from '../reference.js';
import { turnUsage } from '../usage.js';
import { isOwn } from '../input_history.js';
import { agentLabel, loadFailureText, queuePositionText, stoppedText } from '../text.js';
import './answer_text.js';
import './question_text.js';
import { element, setText } from './dom.js';
import { withIcon } from './icon.js';
import { prose, setProse } from './prose.js';
import { estimateHeight } from './virtual_list.js';
import { followReference } from './references.js';
import { RovingFocus } from './roving_focus.js';
import './step_group.js';

/**
 * @typedef {{ahead: number, isLast: boolean, agent: string, askedOf: string, waiting: string, reactions: import('../protocol.js').AnswerReactions | null, mayKeep: boolean}} TurnPlace `ahead` counts questions that are
 *   answered before it; `agent` is the kind of its agent, `askedOf` names that where it is another one than before;
 *   `waiting` is what happens until the answer begins; `reactions` is what people say of the answer; `mayKeep`: whether this person may keep it as a note
 * @typedef {{root: string, user: string | null, width: number, project: string, conversation: number | null}} TurnContext
 *   the project's directory, the person's name, the width of the text in pixels, and where the turn is
 */

export class TurnView extends HTMLElement {
  /** @type {import('../store.js').Turn | null} */
  #turn = null;
  /** @type {TurnPlace} */
  #place = { ahead: 0, isLast: true, agent: '', askedOf: '', waiting: '', reactions: null, mayKeep: true };
  /** @type {TurnContext} */
  #context = { root: '', user: null, width: 0, project: '', conversation: null };
  /** The turn that is rendered. @type {import('../store.js').Turn | null} */
  #rendered = null;
  isRendered = false;
  #article = element('article', {});
  #question = /** @type {import('./question_text.js').QuestionText} */ (document.createElement('question-text'));
  #edit = element('button', {
    type: 'button', className: 'quiet edit', onclick: () => this.#emit('edit-question'),
  });
  #questionRow = element('div', { className: 'question-row', hidden: true }, this.#question, this.#edit);
  #author = element('p', { className: 'note author', hidden: true });
  #askedOf = element('p', { className: 'note asked-of', hidden: true });
  #attached = element('div', { hidden: true });
  #parts = element('div', { className: 'parts' });
  #queueNote = element('p', { className: 'note queue-note' });
  #withdraw = element('button', {
    type: 'button', className: 'quiet delayed', onclick: () => this.#emit('withdraw-queued'),
  }, 'Withdraw');
  #beginning = element('p', { className: 'note beginning delayed' });
  /** What is said in the place of the answer before it begins. Empty in most turns. */
  #before = element('div', { className: 'queued' });
  #end = element('footer', { className: 'end', hidden: true, onclick: followReference });
  #reactions = /** @type {import('./answer_reactions.js').AnswerReactions} */ (document.createElement('answer-reactions'));
  /** Makes the tools of the answer one stop of the Tab key. @type {RovingFocus | null} */
  #roving = null;
  /** The element of each part, by key. @type {Map<string, HTMLElement>} */
  #shown = new Map();

  connectedCallback() {
    if (this.#article.parentNode) return;
    this.#article.append(this.#author, this.#questionRow, this.#attached, this.#askedOf,
      this.#before);
    this.append(this.#article);
  }

  /**
   * @param {import('../store.js').Turn} turn
   * @param {TurnPlace} place
   * @param {TurnContext} context
   */
  update(turn, place, context) {
    const isSamePlace = place.ahead === this.#place.ahead && place.isLast === this.#place.isLast
      && place.agent === this.#place.agent && place.askedOf === this.#place.askedOf
      && place.waiting === this.#place.waiting && place.reactions === this.#place.reactions && place.mayKeep === this.#place.mayKeep;
    if (turn === this.#turn && isSamePlace && context.user === this.#context.user) return;
    const isNew = this.#turn === null;
    if (turn.attachments !== this.#turn?.attachments) this.#showFiles(turn, context);
    this.#turn = turn;
    this.#place = place;
    this.#context = context;
    if (isNew) {
      this.dataset.turn = String(turn.turn);
      this.tabIndex = -1;
      this.showPlaceholder(estimateHeight(turn, context.width));
    }
    this.#questionRow.hidden = turn.question === null;
    this.#question.update(turn.question ?? '');
    this.#edit.hidden = !isOwn(turn, context.user);
    this.#author.hidden = !turn.author;
    setText(this.#author, turn.author ?? '');
    this.#askedOf.hidden = !place.askedOf;
    setText(this.#askedOf, place.askedOf);
    setText(this.#queueNote, place.ahead > 0 ? queuePositionText(place.ahead) : '');
    setProse(this.#beginning, place.waiting);
    const before = place.ahead === 0 ? [] : isOwn(turn, context.user) ? [this.#queueNote, this.#withdraw] : [this.#queueNote];
    if (place.ahead === 0 && place.waiting !== '') before.push(this.#beginning);
    if (before.length !== this.#before.children.length || before.some((node) => node.parentNode !== this.#before)) this.#before.replaceChildren(...before);
    if (this.isRendered) this.#render();
  }

  /** @param {import('../store.js').Turn} turn @param {TurnContext} context */
  #showFiles({ attachments = [] }, { project, conversation }) {
    this.#attached.hidden = attachments.length === 0;
    showFiles(this.#attached, attachments, project, conversation);
  }

  /** Renders parts and end. */
  renderContent() {
    if (this.isRendered) return;
    this.isRendered = true;
    this.removeAttribute('data-placeholder');
    this.style.height = '';
    this.#edit.replaceChildren(...withIcon('edit', 'Edit'));
    this.#article.append(this.#parts, this.#end);
    this.#render();
  }

  /** Removes all but the question from the document. @param {number} height of the turn, in pixels */
  showPlaceholder(height) {
    this.isRendered = false;
    this.toggleAttribute('data-placeholder', true);
    this.style.height = `${height}px`;
    this.style.containIntrinsicBlockSize = `auto ${height}px`;
    this.#edit.replaceChildren('Edit');
    this.#parts.remove();
    this.#end.remove();
  }

  #render() {
    const turn = this.#turn;
    if (!turn) return;
    const kept = turn.parts.filter((part) => this.#shown.has(part.key)).length;
    if (kept < this.#shown.size) {
      this.#shown.clear();
      this.#parts.replaceChildren();
    }
    for (const [index, part] of turn.parts.entries()) {
      updatePart(this.#nodeFor(part, turn.parts[index - 1]), part, this.#context.root, !this.#place.isLast, turn);
    }
    if (turn.end !== this.#rendered?.end || this.#rendered === null) this.#renderEnd(turn);
    if (this.#reactions.isConnected) this.#showReactions();
    this.#rendered = turn;
  }

  /**
   * The element of a part. Consecutive steps share one.
   * @param {import('../store.js').Part} part
   * @param {import('../store.js').Part | undefined} before
   */
  #nodeFor(part, before) {
    const known = this.#shown.get(part.key);
    if (known) return known;
    const previous = before && this.#shown.get(before.key);
    const isShared = isStep(part) && before !== undefined && isStep(before);
    const node = previous && isShared ? previous : makePart(part);
    if (node !== previous) this.#parts.insertBefore(node, previous ? previous.nextSibling : this.#parts.firstChild);
    this.#shown.set(part.key, node);
    return node;
  }

  /** @param {import('../store.js').Turn} turn */
  #renderEnd(turn) {
    const end = turn.end;
    this.#end.hidden = !end || turn.turn === 0;
    if (!end || (turn.turn === 0 && end.kind === 'done')) return;
    const askAgain = (className = '') => element('button', {
      type: 'button', className,
      onclick: (/** @type {Event} */ event) => this.#emit('ask-again', { button: event.currentTarget }),
    }, ...withIcon('again', 'Ask again'));
    let isAsked = false;
    const askGuide = () => element('button', {
      type: 'button',
      title: 'The built-in guide searches the files without a model',
      onclick: () => this.#emit('ask-guide'),
    }, ...withIcon('map', 'Ask the guide'));
    /** @type {(Node | string)[]} */
    const content = [];
    if (end.kind === 'error') {
      this.#end.hidden = false;
      content.push(element('p', { className: 'error' }, ...prose(end.content)));
      if (end.startOver && turn.question !== null) {
        content.push(element('button', { type: 'button', onclick: () => this.#emit('start-over') }, 'Ask in a new conversation'));
      }
      if (turn.question !== null) {
        isAsked = end.retryable;
        if (isAsked) content.push(element('p', {}, 'Your question is kept.'), askAgain());
        if (this.#place.agent !== 'guide') content.push(askGuide());
      }
    } else if (end.outcome === 'interrupted') {
      content.push(element('p', {}, 'This answer was cut off when the server stopped.'));
    } else if (end.outcome === 'stopped') content.push(element('p', {}, stoppedText(end)));
    for (const note of end.notes) content.push(element('p', { className: 'note' }, ...prose(note)));
    content.push(this.#tools(turn, isAsked || (end.kind === 'error' && !end.retryable) ? null : askAgain('quiet')));
    const facts = answerFacts(end);
    if (facts.length > 0) content.push(element('small', {}, ...facts.flatMap((fact, at) => (at ? [' · ', fact] : [fact]))));
    this.#end.replaceChildren(...content);
    if (end.filesRead.length + end.citations.length > 0) showSources(this.#end, end, turn.turn);
  }

  /** What can be done with an answer. @param {import('../store.js').Turn} turn @param {HTMLElement | null} askAgain */
  #tools(turn, askAgain) {
    const tool = (/** @type {import('./icon.js').IconName} */ picture, /** @type {string} */ label, /** @type {string} */ event, /** @type {string} */ title) => element('button', {
      type: 'button', className: 'quiet', title,
      onclick: (/** @type {Event} */ click) => this.#emit(event, { button: click.currentTarget }),
    }, ...withIcon(picture, label));
    const hasText = turn.parts.some((part) => part.kind === 'text');
    /** @type {HTMLElement[]} */
    const tools = hasText ? [tool('copy', 'Copy', 'copy-answer', 'Copy the answer as Markdown')] : [];
    if (turn.question !== null) {
      if (askAgain) tools.push(askAgain);
      tools.push(tool('link', 'Link', 'copy-link', 'Copy a link to this question'));
      tools.push(tool('fork', 'Fork', 'fork', 'Go on from this answer in a new conversation'));
    }
    if (turn.question !== null && hasText) tools.push(this.#reactions);
    const bar = element('div', { className: 'tools', role: 'toolbar', 'aria-label': 'Answer' }, ...tools);
    // What is asked when an answer is called wrong has keys of its own.
    this.#roving = new RovingFocus(bar, 'button:not(form button)', { isRow: true });
    this.#roving.update();
    return bar;
  }

  /** Shows what people say of the answer. */
  async #showReactions() {
    try {
      await import('./answer_reactions.js');
    } catch {
      return notify(this.#reactions, loadFailureText('What people say of the answer'));
    }
    customElements.upgrade(this.#reactions);
    this.#reactions.update(Number(this.dataset.turn), this.#place.reactions, this.#place.mayKeep);
    this.#roving?.update();
  }

  /** @param {string} name @param {object} [more] */
  #emit(name, more = {}) {
    const { turn, question, attachments } = this.#turn ?? {};
    this.dispatchEvent(new CustomEvent(name, { detail: { turn, question, attachments, ...more }, bubbles: true }));
  }
}

/** Who gave an answer, when, and what it took. @param {NonNullable<import('../store.js').Turn['end']>} end */
function answerFacts(end) {
  const { by, at } = end.answered ?? {};
  const usage = end.kind === 'done' ? turnUsage(end) : '';
  return [
    ...(by ? [element('span', {}, element('span', { className: 'visually-hidden' }, 'Answered by '), agentLabel({ ...by, model: end.fallbackModel ?? by.model }))] : []),
    ...(at ? [element('time', { dateTime: at, title: fullTime(at) }, dayAndTime(at, new Date()))] : []),
    ...(usage ? [usage] : []),
    ...(end.commits.length ? [element('span', { title: end.commits.map(({ commit }) => commit).join(', ') }, checkoutText(end.commits))] : []),
  ];
}

/** @param {import('../store.js').Part} part */
const isStep = (part) => part.kind === 'tool' || part.kind === 'thinking';

/** @param {import('../store.js').Part} part @returns {HTMLElement} */
function makePart(part) {
  switch (part.kind) {
    case 'text': return document.createElement('answer-text');
    case 'thinking':
    case 'tool': return document.createElement('step-group');
    case 'question': return document.createElement('question-card');
  }
}

/**
 * @param {any} node element of the part
 * @param {import('../store.js').Part} part
 * @param {string} root
 * @param {boolean} isPassed whether a later turn exists
 * @param {import('../store.js').Turn} turn
 */
function updatePart(node, part, root, isPassed, turn) {
  switch (part.kind) {
    case 'text': return node.update(part.html, turn);
    case 'thinking':
    case 'tool': return node.update(part, root, turn.end !== null);
    case 'question':
      // Few answers ask anything.
      import('./question_card.js').then(() => {
        customElements.upgrade(node);
        node.update(part, isPassed);
      }, () => notify(node, loadFailureText('The question of the agent')));
  }
}

/**
 * Shows the files of a question, which few have.
 * @param {HTMLElement} place @param {import('../attachments.js').Attachment[]} files @param {string} project
 * @param {number | null} conversation
 */
export async function showFiles(place, files, project, conversation) {
  if (files.length === 0) return place.replaceChildren();
  try {
    const { attachedFiles } = await import('./attached_files.js');
    place.replaceChildren(attachedFiles(files, project, conversation));
  } catch {
    notify(place, loadFailureText('The list of files'));
  }
}

/** Loaded with the first sources. @type {typeof import('./sources.js').sources | null} */
let sourcesOf = null;

/** Adds the sources of an answer to its end. @param {HTMLElement} node @param {NonNullable<import('../store.js').Turn['end']>} end @param {number} turn */
async function showSources(node, end, turn) {
  const last = node.lastElementChild;
  try {
    sourcesOf ??= (await import('./sources.js')).sources;
    // The end may have been rendered again meanwhile.
    const files = node.lastElementChild === last ? sourcesOf(end, turn) : null;
    if (files) node.append(files);
  } catch {
    notify(node, loadFailureText('The list of sources'));
  }
}

/** @param {HTMLElement} node @param {string} text */
const notify = (node, text) => node.dispatchEvent(new CustomEvent('notify', { detail: text, bubbles: true }));

customElements.define('turn-view', TurnView);
