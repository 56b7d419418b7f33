/**
 * The open conversation: heading, turns, messages that wait to be sent, and a welcome while nothing
 * was asked.
 */
import { visibleText } from '../invisible.js';
import { conversationUsage } from '../usage.js';
import { unfinishedTurns } from '../store.js';
import { agentsOfTurns, nextAgent } from '../agents.js';
import { agentLabel, askedOfText, beginningText, connectionEndedText, conversationTitle, readOnlyText, sharingText, viewersText } from '../text.js';
import { actionsButton, editTitle } from './actions_menu.js';
import './question_text.js';
import { ConversationEnds } from './conversation_ends.js';
import { element, setText } from './dom.js';
import { setHtml } from './html.js';
import { icon, setIcon, withIcon } from './icon.js';
import { prose, proseItems } from './prose.js';
import { setMarkedText } from './invisible_marks.js';
import { VirtualList } from './virtual_list.js';
import { showFiles } from './turn_view.js';

/** Milliseconds to wait for the whole conversation before a part of it is shown. */
const REPLAY_WAIT = 250;

/**
 * @typedef {object} ConversationData
 * @property {import('../store.js').Conversation | null} conversation
 * @property {import('../api.js').Project | null} project
 * @property {string | null} user name of the person, if the server knows it
 * @property {string | null} problem why there is no conversation
 * @property {string | null} about what the project is, while nothing was asked; `null` otherwise
 * @property {string} checkout what of it is checked out, beside `about`
 */

export class ConversationView extends HTMLElement {
  /** @type {ConversationData | null} */
  #shown = null;
  #title = element('h1', { dir: 'auto', onclick: () => this.#editTitle() });
  #facts = element('p', { className: 'facts' });
  #badgeIcon = icon('shield');
  #badgeText = element('span');
  #badgeSentence = element('p');
  #badgeTried = element('ul');
  #badge = element('details', { className: 'badge', name: 'heading', hidden: true }, element('summary', {}, this.#badgeIcon, this.#badgeText),
    element('div', { tabIndex: 0, role: 'group', 'aria-label': 'What was tried' }, this.#badgeSentence, this.#badgeTried));
  /** The sentence of the badge that is shown. @type {string | undefined} */
  #shownBadge = undefined;
  #usageText = element('span');
  #usageDetails = element('p');
  #usage = element('details', { className: 'usage', name: 'heading', hidden: true },
    element('summary', { title: 'Usage of all answers' }, icon('usage'), this.#usageText), element('div', {}, this.#usageDetails));
  #instructionsText = element('div', { className: 'prose' });
  #instructions = element('details', { className: 'instructions', name: 'heading', hidden: true },
    element('summary', { title: 'What the people who run this server tell the agent' }, ...withIcon('checklist', 'Instructions')), this.#instructionsText);
  /** The HTML that is shown. @type {string | null} */
  #instructionsHtml = null;
  #menu = element('button', {
    type: 'button', className: 'menu', 'aria-controls': 'sidebar', onclick: () => this.#emit('open-sidebar', null),
  }, ...withIcon('menu', 'Menu'));
  #actions = actionsButton(() => ({ ...this.#menuTarget(), host: this.#title }));
  #ends = new ConversationEnds();
  #turns = element('div', { className: 'turns' });
  #pending = element('div', { className: 'pending' });
  /** Why there is no conversation. */
  #reason = element('div', { className: 'reason', hidden: true });
  #shownReason = '';
  #name = element('h2', { dir: 'auto' });
  #about = element('p', { dir: 'auto' });
  #checkout = element('p', { className: 'checkout' });
  /** The project, above the field while nothing was asked. */
  #lead = element('div', { className: 'lead', hidden: true }, this.#name, this.#about, this.#checkout);
  #content = element('div', { className: 'content' }, this.#lead, this.#ends.origin, this.#turns, this.#ends.followUps, this.#reason, this.#pending);
  #scroller = element('div', {
    className: 'scroller', tabIndex: 0, role: 'region', 'aria-label': 'Conversation',
    onscroll: () => this.#scrolled(), onclick: (/** @type {Event} */ event) => this.#unfolded(event),
  }, this.#content, element('div', { className: 'room' }));
  #room = /** @type {HTMLElement} */ (this.#scroller.lastElementChild);
  #virtualList = new VirtualList(this.#scroller, this.#turns, this.#content, this.#room);
  /** The message whose question was put to the top last. @type {string | null} */
  #begun = null;
  /** The element of that question. @type {Element | null} */
  #asked = null;
  /** Whether all that was said before is there: turns that come later are new. */
  #isSettled = false;
  /** Whether the end was on the screen when that was last told. */
  #showsEnd = true;
  /** @type {Map<number, import('./turn_view.js').TurnView>} */
  #views = new Map();
  /** The turn to show as soon as it is there. @type {number | null} */
  #wanted = null;
  /** Time until which an opened conversation waits for its whole replay. */
  #waitsUntil = 0;

  connectedCallback() {
    this.append(
      element('header', {}, this.#menu, this.#title, this.#facts, this.#usage, this.#instructions, this.#badge, this.#actions),
      this.#scroller,
    );
    // Growth, folding, fonts and the window change heights. The observer runs after layout, so keeping
    // the position needs no layout of its own.
    const observer = new ResizeObserver(() => {
      this.#virtualList.keepPosition();
      this.#updateToEnd();
    });
    observer.observe(this.#content);
    observer.observe(this.#scroller);
    // What is opened below the heading closes when the person goes on elsewhere.
    for (const name of ['pointerdown', 'focusin']) addEventListener(name, ({ target }) => this.closeDetails(/** @type {Node} */ (target)));
    addEventListener('beforeprint', () => this.#virtualList.renderAllNow());
    addEventListener('afterprint', () => this.#virtualList.endSearch());
  }

  /** @param {ConversationData} data */
  update(data) {
    const before = this.#shown;
    if (before && before.conversation === data.conversation && before.project === data.project
      && before.problem === data.problem && before.user === data.user && before.about === data.about
      && before.checkout === data.checkout) return;
    this.#shown = data;
    this.#renderHead(data);
    this.#renderTurns(data);
    this.#renderEmpty(data);
    this.#ends.update(data.conversation, data.project?.name ?? '');
    this.#showWanted();
    const isConnected = data.conversation?.connection === 'open';
    if (before?.conversation?.pending !== data.conversation?.pending
      || isConnected !== (before?.conversation?.connection === 'open')) this.#renderPending(data.conversation?.pending ?? [], isConnected);
    this.#showAsked(data.conversation);
    this.#isSettled ||= data.conversation?.caughtUp ?? false;
  }

  /** Puts a question of this page to the top once, and holds it there when its element changes. @param {import('../store.js').Conversation | null} conversation */
  #showAsked(conversation) {
    const asked = conversation?.asked;
    if (!asked) return;
    const waiting = conversation.pending.findIndex(({ messageId }) => messageId === asked.messageId);
    const node = (asked.turn === null ? this.#pending.children[waiting] : this.#views.get(asked.turn)) ?? null;
    if (node === null || node === this.#asked) return;
    this.#asked = node;
    if (this.#begun === asked.messageId) this.#virtualList.moveAsked(node);
    else this.#virtualList.begin(node);
    this.#begun = asked.messageId;
    this.#updateToEnd();
  }

  /** Closes what is open below the heading. Returns whether anything was. @param {Node | null} [except] something that is used */
  closeDetails(except = null) {
    const open = [this.#badge, this.#usage, this.#instructions].filter((it) => it.open && !it.contains(except));
    for (const details of open) {
      const hadFocus = details.contains(document.activeElement);
      details.open = false;
      if (hadFocus) details.querySelector('summary')?.focus();
    }
    return open.length > 0;
  }

  /** Prepares for another conversation. */
  clear() {
    this.#shown = null;
    this.#views.clear();
    this.#turns.replaceChildren();
    this.#virtualList.clear();
    this.#wanted = null;
    this.#begun = null;
    this.#asked = null;
    this.#isSettled = false;
    this.#waitsUntil = performance.now() + REPLAY_WAIT;
    // After that, an incomplete replay is shown.
    setTimeout(() => this.#shown && this.#renderTurns(this.#shown), REPLAY_WAIT + 1);
  }

  /** Scrolls to a turn and marks it, now or as soon as it is there. @param {number | null} number */
  seek(number) {
    for (const view of this.#views.values()) view.removeAttribute('data-marked');
    this.#wanted = number;
    this.#showWanted();
  }

  #showWanted() {
    const view = this.#wanted === null ? undefined : this.#views.get(this.#wanted);
    if (view) {
      this.#wanted = null;
      view.setAttribute('data-marked', '');
      this.#goTo(view);
    } else if (this.#wanted !== null && this.#shown?.conversation?.caughtUp) {
      this.#wanted = null;
      this.#emit('notify', 'This conversation has no such turn.');
    }
  }

  scrollToEnd() {
    this.#virtualList.goToEnd();
    this.#updateToEnd();
    this.#scroller.focus({ preventScroll: true });
  }

  /** Goes to what was said. */
  focusTurns() {
    this.#scroller.focus();
  }

  /** Moves to the next (1) or previous (-1) question. @param {1 | -1} direction */
  step(direction) {
    const views = [...this.#views.values()];
    const top = this.#scroller.getBoundingClientRect().top;
    const offsets = views.map((view) => view.getBoundingClientRect().top - top);
    const at = direction > 0 ? offsets.findIndex((offset) => offset > 32) : offsets.findLastIndex((offset) => offset < -8);
    if (views[at]) this.#goTo(views[at]);
  }

  /** The number of the turn with the focus, else of the one at the top of the screen. @returns {number | null} */
  get turn() {
    const focused = document.activeElement?.closest('turn-view');
    const view = /** @type {HTMLElement | null} */ (this.#scroller.contains(focused ?? null) ? focused : this.#virtualList.current);
    return view ? Number(view.dataset.turn) : null;
  }

  /** Renders all turns, so that the browser's own search finds everything. */
  renderAll() {
    this.#virtualList.renderAll();
  }

  /** The browser's search is over. */
  endSearch() {
    this.#virtualList.endSearch();
  }

  /** @param {import('./turn_view.js').TurnView} view */
  #goTo(view) {
    this.#virtualList.goTo(view);
    // A question that is being typed keeps the focus.
    const { activeElement } = document;
    if (!(activeElement instanceof HTMLTextAreaElement && activeElement.value)) view.focus({ preventScroll: true });
    this.#updateToEnd();
  }

  /** @param {ConversationData} data */
  #renderHead({ conversation, project, user }) {
    const asked = conversation?.turns.some((turn) => turn.question !== null) ?? false;
    const isNew = project !== null && conversation?.connection !== 'ended';
    const title = conversationTitle(conversation) || (isNew ? 'New conversation' : 'Cicerone');
    setMarkedText(this.#title, title, 'prose');
    this.#title.title = visibleText(title, 'prose');
    document.title = asked ? `${visibleText(title, 'prose')} · Cicerone` : project ? `${project.name} · Cicerone` : 'Cicerone';
    const facts = [];
    const readers = viewersText(conversation?.viewers ?? 0, conversation?.people, user);
    if (readers) facts.push(readers);
    const sharing = sharingText(conversation?.sharing, user);
    if (sharing) facts.push(sharing);
    const agent = conversation && nextAgent(conversation);
    if (agent) facts.push(agentLabel(agent));
    setText(this.#facts, facts.join(' · '));
    this.#facts.title = /** @type {import('../protocol.js').AnsweringAgent | null} */ (agent)?.no_model ?? '';
    const badge = readOnlyText(conversation?.readOnly ?? null);
    this.#badge.hidden = badge === null;
    this.#badge.classList.toggle('warns', badge?.isGood === false);
    setIcon(this.#badgeIcon, badge?.isGood === false ? 'warning' : 'shield');
    setText(this.#badgeText, badge?.text ?? '');
    if (this.#shownBadge !== badge?.sentence) {
      this.#shownBadge = badge?.sentence;
      setText(this.#badgeSentence, badge?.sentence ?? '');
      this.#badgeTried.replaceChildren(...proseItems(badge?.tried ?? []));
    }
    const usage = conversationUsage(conversation?.turns ?? []);
    this.#usage.hidden = usage === null;
    setText(this.#usageText, usage?.text ?? '');
    setText(this.#usageDetails, usage?.details ?? '');
    const instructions = conversation?.instructions ?? null;
    this.#instructions.hidden = instructions === null;
    if (instructions !== this.#instructionsHtml) setHtml(this.#instructionsText, instructions ?? '');
    this.#instructionsHtml = instructions;
    this.#actions.hidden = !asked || conversation?.id === null || conversation?.connection === 'ended';
  }

  /** What stands in the place of turns. @param {ConversationData} data */
  #renderEmpty({ conversation, project, problem, about, checkout }) {
    this.#lead.hidden = about === null;
    setText(this.#name, project?.name ?? '');
    setText(this.#about, about ?? '');
    setText(this.#checkout, checkout);
    const reason = problem ?? (conversation?.connection === 'ended' ? connectionEndedText(conversation.closeCode) : '');
    this.#reason.hidden = reason === '';
    // It is read from its beginning.
    if (reason !== '' || about !== null) this.#virtualList.atEnd = false;
    if (this.#shownReason === reason) return;
    this.#shownReason = reason;
    this.#reason.replaceChildren(element('p', { className: 'ended', role: 'alert' }, ...prose(reason)), ...(project ? [
      element('button', { type: 'button', onclick: () => this.#emit('new-conversation', null) }, ...withIcon('add', 'New conversation')),
    ] : []));
  }

  /** @param {ConversationData} data */
  #renderTurns({ conversation, project, user }) {
    const turns = conversation?.turns ?? [];
    const isReplaying = conversation !== null && !conversation.caughtUp && conversation.connection !== 'ended';
    if (isReplaying && this.#views.size === 0 && performance.now() < this.#waitsUntil) return;
    const open = conversation ? unfinishedTurns(conversation) : [];
    const still = turns.filter((turn) => this.#views.has(turn.turn)).length;
    if (still < this.#views.size) {
      this.#views.clear();
      this.#turns.replaceChildren();
    }
    const around = { root: project?.path ?? '', user, width: 0, project: project?.name ?? '', conversation: conversation?.id ?? null };
    const agents = conversation ? agentsOfTurns(conversation) : [];
    let isNew = false;
    for (const [index, turn] of turns.entries()) {
      let view = this.#views.get(turn.turn);
      if (!view) {
        // A new question of somebody else moves nobody.
        if (this.#isSettled && this.#virtualList.atEnd && turn.turn !== conversation?.asked?.turn) this.#virtualList.leaveEnd();
        isNew = true;
        around.width ||= this.#turns.clientWidth;
        view = /** @type {import('./turn_view.js').TurnView} */ (document.createElement('turn-view'));
        this.#views.set(turn.turn, view);
        this.#turns.insertBefore(view, this.#turns.children[index] ?? null);
      }
      const ahead = !turn.end && turn.parts.length === 0 ? Math.max(0, open.indexOf(turn)) : 0;
      view.update(turn, {
        ahead, isLast: index === turns.length - 1, agent: agents[index].kind,
        askedOf: agents[index].isOther ? askedOfText(agents[index]) : '',
        waiting: conversation && turn === open[0] && turn.parts.length === 0 ? beginningText(conversation) : '',
        reactions: conversation?.reactions[turn.turn] ?? null, mayKeep: conversation?.sharing?.may_write !== false,
      }, around);
    }
    if (!isNew) return;
    this.#virtualList.keepPosition();
    this.#virtualList.renderNear();
  }

  /** @param {import('../store.js').Pending[]} pending @param {boolean} isConnected */
  #renderPending(pending, isConnected) {
    this.#pending.replaceChildren(...pending.map((one) => element('article', {}, questionText(one.content), ...this.#pendingFiles(one), isConnected
      ? element('p', { className: 'note delayed' }, 'Sending…')
      : element('p', { className: 'note' }, 'Will be sent when the connection is back. ', element('button', {
        type: 'button', className: 'quiet', onclick: () => this.#emit('withdraw', one),
      }, 'Withdraw')))));
  }

  /** @param {import('../store.js').Pending} pending */
  #pendingFiles({ attachments = [] }) {
    const { conversation, project } = /** @type {ConversationData} */ (this.#shown);
    const place = element('div');
    showFiles(place, attachments, project?.name ?? '', conversation?.id ?? null);
    return attachments.length === 0 ? [] : [place];
  }

  /** A click on the title changes it, as *Rename* of the menu does. */
  #editTitle() {
    if (this.#actions.hidden || getSelection()?.toString()) return;
    const { id, title } = this.#menuTarget();
    editTitle(this.#title, title, (to) => this.#emit('rename', { id, title: to }));
  }

  #menuTarget() {
    const { conversation, project } = /** @type {ConversationData} */ (this.#shown);
    return {
      project: project?.name ?? '', id: conversation?.id ?? 0, title: this.#title.textContent ?? '',
      mayShare: conversation?.sharing?.may_share || conversation?.mayPublish,
    };
  }

  #scrolled() {
    this.#virtualList.scrolled();
    this.#updateToEnd();
  }

  #updateToEnd() {
    const showsEnd = this.#virtualList.showsEnd || !this.#lead.hidden || !this.#reason.hidden;
    if (showsEnd === this.#showsEnd) return;
    this.#showsEnd = showsEnd;
    this.#emit('shows-end', showsEnd);
  }

  /** Unfolding something keeps the position instead of the end. @param {Event} event */
  #unfolded(event) {
    if (/** @type {Element} */ (event.target).closest('summary')) this.#virtualList.leaveEnd();
  }

  /** @param {string} name @param {unknown} detail */
  #emit(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail, bubbles: true }));
  }
}

/** @param {string} text */
function questionText(text) {
  const asked = /** @type {import('./question_text.js').QuestionText} */ (document.createElement('question-text'));
  asked.update(text);
  return asked;
}

customElements.define('conversation-view', ConversationView);
