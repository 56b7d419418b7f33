/**
 * The open conversation: its heading, its turns, what waits to be sent, and the first words when
 * nothing was asked yet. Keeps the end in sight only for who is already there.
 */
import { openTurns } from '../store.js';
import { agentName, endedWords, examples, readOnlyBadge } from '../words.js';
import { actionsButton } from './actions.js';
import { element, setText } from './element.js';
import { keyList } from './keys.js';
import './turn.js';

/** Who is within this many pixels of the end is at the end. */
const AT_END = 48;

/**
 * @typedef {object} ConversationData
 * @property {import('../store.js').Conversation | null} conversation
 * @property {import('../api.js').Project | null} project
 * @property {string | null} problem why there is no conversation
 */

export class ConversationView extends HTMLElement {
  /** @type {ConversationData | null} */
  #shown = null;
  #atEnd = true;
  /** The turn that was asked for: it stays in sight until the person moves. @type {number | null} */
  #sought = null;
  #title = element('h1');
  #facts = element('p', { className: 'facts' });
  #badgeText = element('summary');
  #badgeWords = element('p');
  #badge = element('details', { className: 'badge', hidden: true }, this.#badgeText, this.#badgeWords);
  #menu = element('button', {
    type: 'button', className: 'menu', 'aria-controls': 'rail', onclick: () => this.#say('open-rail', null),
  }, 'Menu');
  #actions = actionsButton(() => ({ ...this.#open(), host: this.#title }));
  #turns = element('div', { className: 'turns' });
  #pending = element('div', { className: 'pending' });
  #welcome = element('section', { className: 'welcome', 'aria-label': 'What you can ask', hidden: true });
  #content = element('div', { className: 'content' }, this.#turns, this.#welcome, this.#pending);
  #scroller = element('div', {
    className: 'scroller', tabIndex: 0, role: 'region', 'aria-label': 'Conversation',
    onscroll: () => this.#scrolled(), onclick: (/** @type {Event} */ event) => this.#unfolded(event),
  }, this.#content);
  #toEnd = element('button', {
    type: 'button', className: 'to-end', hidden: true, onclick: () => this.scrollToEnd(),
  }, 'To the end');
  /** @type {Map<number, import('./turn.js').TurnView>} */
  #views = new Map();

  connectedCallback() {
    this.append(
      element('header', {}, this.#menu, this.#title, this.#badge, this.#facts, this.#actions),
      this.#scroller, this.#toEnd,
    );
    // Everything that can change a height: growth, folding, fonts, a resized window. Told after the
    // layout that comes anyway, so that keeping the end in sight costs none of its own.
    const observer = new ResizeObserver(() => this.#keepEnd());
    observer.observe(this.#content);
    observer.observe(this.#scroller);
    for (const move of ['wheel', 'pointerdown', 'keydown']) {
      this.#scroller.addEventListener(move, () => { this.#sought = null; }, { passive: true });
    }
  }

  /** @param {ConversationData} data */
  update(data) {
    const before = this.#shown;
    if (before && before.conversation === data.conversation && before.project === data.project
      && before.problem === data.problem) return;
    this.#shown = data;
    this.#renderHead(data);
    this.#renderTurns(data);
    this.#renderWelcome(data);
    this.#giveUp();
    if (before?.conversation?.pending !== data.conversation?.pending
      || before?.conversation?.connection !== data.conversation?.connection) this.#renderPending(data);
  }

  /** Forgets what is shown: another conversation comes. */
  clear() {
    this.#shown = null;
    this.#views.clear();
    this.#turns.replaceChildren();
    this.#atEnd = true;
  }

  /** Brings a turn into sight as soon as it is shown, and marks it. @param {number | null} number */
  seek(number) {
    for (const view of this.#views.values()) view.removeAttribute('data-marked');
    this.#sought = number;
    this.#giveUp();
    this.#keepEnd();
  }

  /** Says so where there is no such turn as was asked for. */
  #giveUp() {
    if (this.#sought === null || !this.#shown?.conversation?.caughtUp || this.#views.has(this.#sought)) return;
    this.#sought = null;
    this.#say('notify', 'This conversation has no such turn.');
  }

  scrollToEnd() {
    this.#atEnd = true;
    this.#sought = null;
    this.#keepEnd();
  }

  /** Moves to the next (1) or previous (-1) question. @param {1 | -1} direction */
  step(direction) {
    const views = [...this.#views.values()];
    const top = this.#scroller.getBoundingClientRect().top;
    const offsets = views.map((view) => view.getBoundingClientRect().top - top);
    const at = direction > 0 ? offsets.findIndex((offset) => offset > 32) : offsets.findLastIndex((offset) => offset < -8);
    const view = views[at];
    if (!view) return;
    this.#atEnd = false;
    this.#sought = null;
    view.scrollIntoView({ block: 'start' });
    view.focus({ preventScroll: true });
  }

  /** @param {ConversationData} data */
  #renderHead({ conversation, project }) {
    const asked = conversation?.turns.some((turn) => turn.question !== null) ?? false;
    const first = conversation?.turns.find((turn) => turn.question !== null)?.question;
    const isNew = project !== null && conversation?.connection !== 'ended';
    const title = conversation?.title || first?.slice(0, 80) || (isNew ? 'New conversation' : 'Cicerone');
    setText(this.#title, title);
    this.#title.title = title;
    document.title = asked ? `${title} · Cicerone` : project ? `${project.name} · Cicerone` : 'Cicerone';
    const facts = [];
    if (conversation && conversation.viewers > 1) facts.push(`${conversation.viewers} here`);
    const agent = conversation?.agent || project?.agent;
    if (agent) facts.push(agentName(agent));
    setText(this.#facts, facts.join(' · '));
    const badge = readOnlyBadge(conversation?.readOnly ?? null);
    this.#badge.hidden = badge === null;
    this.#badge.classList.toggle('warns', badge?.isGood === false);
    setText(this.#badgeText, badge?.text ?? '');
    setText(this.#badgeWords, badge?.words ?? '');
    this.#actions.hidden = !asked || conversation?.id === null || conversation?.connection === 'ended';
  }

  /** @param {ConversationData} data */
  #renderTurns({ conversation, project }) {
    const turns = conversation?.turns ?? [];
    const open = conversation ? openTurns(conversation) : [];
    const still = turns.filter((turn) => this.#views.has(turn.turn)).length;
    if (still < this.#views.size) {
      this.#views.clear();
      this.#turns.replaceChildren();
    }
    for (const [index, turn] of turns.entries()) {
      let view = this.#views.get(turn.turn);
      if (!view) {
        view = /** @type {import('./turn.js').TurnView} */ (document.createElement('turn-view'));
        this.#views.set(turn.turn, view);
        this.#turns.insertBefore(view, this.#turns.children[index] ?? null);
      }
      const waits = !turn.end && turn.parts.length === 0 && open.indexOf(turn) > 0;
      view.update(turn, project?.path ?? '', waits ? 'waits' : index < turns.length - 1 ? 'passed' : 'last');
    }
  }

  /** @param {ConversationData} data */
  #renderPending({ conversation }) {
    const connected = conversation?.connection === 'open';
    this.#pending.replaceChildren(...(conversation?.pending ?? []).map((pending) => element('article', {},
      element('h2', { className: 'question' }, pending.content),
      element('p', { className: 'note' }, connected ? 'Sending…' : 'Will be sent when the connection is back.'))));
  }

  /** What stands where no answer is: examples, or why there is nothing. @param {ConversationData} data */
  #renderWelcome({ conversation, project, problem }) {
    const ended = conversation?.connection === 'ended' ? endedWords(conversation.closeCode) : null;
    const isEmpty = conversation !== null && project !== null && conversation.pending.length === 0
      && (conversation.caughtUp || conversation.id === null)
      && conversation.turns.every((turn) => turn.turn === 0);
    const words = problem ?? ended;
    const content = words ?? (isEmpty ? project.name : '');
    this.#welcome.hidden = content === '';
    if (this.#welcome.dataset.content === content) return;
    this.#welcome.dataset.content = content;
    if (words !== null) {
      this.#welcome.replaceChildren(element('p', { className: 'ended', role: 'alert' }, words), ...(project ? [
        element('button', { type: 'button', onclick: () => this.#say('new-conversation', null) }, 'New conversation'),
      ] : []));
    } else if (isEmpty) {
      this.#welcome.replaceChildren(
        element('h2', {}, 'For example'),
        element('ul', {}, ...examples(project).map((question) => element('li', {}, element('button', {
          type: 'button', onclick: () => this.#say('ask', question),
        }, question)))),
        keyList(3),
      );
    }
  }

  /** What actions on the open conversation are about. */
  #open() {
    const { conversation, project } = /** @type {ConversationData} */ (this.#shown);
    return { project: project?.name ?? '', id: conversation?.id ?? 0, title: this.#title.textContent ?? '' };
  }

  #scrolled() {
    const { scrollTop, scrollHeight, clientHeight } = this.#scroller;
    this.#atEnd = scrollHeight - scrollTop - clientHeight < AT_END;
    this.#toEnd.hidden = this.#atEnd;
  }

  /** Who unfolds something at the end wants to see its beginning. @param {Event} event */
  #unfolded(event) {
    if (/** @type {Element} */ (event.target).closest('summary')) this.#atEnd = false;
  }

  #keepEnd() {
    const sought = this.#sought === null ? undefined : this.#views.get(this.#sought);
    if (sought) showMarked(sought);
    else if (this.#atEnd) this.#scroller.scrollTop = this.#scroller.scrollHeight;
    this.#scrolled();
  }

  /** @param {string} name @param {unknown} detail */
  #say(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail, bubbles: true }));
  }
}

/** @param {HTMLElement} view of the turn that was asked for */
function showMarked(view) {
  if (!view.hasAttribute('data-marked')) {
    view.setAttribute('data-marked', '');
    // Who writes goes on writing.
    if (!(document.activeElement instanceof HTMLTextAreaElement && document.activeElement.value)) view.focus({ preventScroll: true });
  }
  view.scrollIntoView({ block: 'start' });
}

customElements.define('conversation-view', ConversationView);
