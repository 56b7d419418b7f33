/** What the person sends: questions, answers to the agent, stops. Also saves the draft. */
import { chosenEffort, unsentAgent } from './agents.js';
import * as storage from './storage.js';
import * as protocol from './protocol.js';
import { askAgainItems } from './text.js';
import { showMenu } from './views/actions_menu.js';

/** Milliseconds without typing before the draft is saved. */
const SAVE_DELAY = 300;

export class Commands {
  #isDirty = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  /** Answers that the server has not accepted yet, by message id. @type {Map<string, string>} */
  #answers = new Map();
  /** Questions that were withdrawn here, by turn. @type {Map<number, {question: string, attachments?: import('./attachments.js').Attachment[]}>} */
  #withdrawn = new Map();

  /** @param {import('./page.js').Page} page @param {import('./navigation.js').Navigation} navigation */
  constructor(page, navigation) {
    this.page = page;
    this.navigation = navigation;
  }

  /**
   * @param {string} content @param {number} [retryOf] turn whose question is asked again
   * @param {{conversation?: number, agent?: string}} [retry] conversation of that turn, if it is not the open
   *   one; agent that is to answer, if it is not the usual one
   * @param {import('./attachments.js').Attachment[]} [attachments] files of a new question
   */
  ask(content, retryOf, retry = {}, attachments = []) {
    const { page } = this;
    if (page.state.project === null || !page.state.conversation || !page.connection) return;
    const messageId = newId();
    const agent = retry.agent ?? unsentAgent(page.state.conversation);
    page.dispatch({ type: 'submitted', message_id: messageId, content, ...(attachments.length > 0 ? { attachments } : {}) });
    page.connection.submit(retryOf === undefined
      ? protocol.message(messageId, content, { agent, effort: chosenEffort(page.state.conversation), attachments: attachments.map(({ id }) => id) }) : protocol.retry(messageId, retryOf, { ...retry, agent }));
    storage.addToHistory(page.state.project, content);
    this.navigation.updateAddress();
    // The button that was clicked may disappear with the first question.
    if (!page.composer.contains(document.activeElement) && !isTouch()) page.composer.focus();
  }

  /**
   * Asks the question of a turn again, where there is a choice of the agent that a menu below the button gives.
   * @param {{turn: number, question: string, button?: HTMLButtonElement}} asked
   */
  askAgain({ turn, question, button }) {
    const items = askAgainItems(this.page.state.conversation);
    if (!button || items.length === 0) {
      this.ask(question, turn);
      return;
    }
    showMenu(button, items.map(({ label, agent }) => ({ label, act: () => this.ask(question, turn, { agent }) })));
  }

  /** Asks the question of a turn in a new conversation, which gets a summary of this one. @param {string} content @param {number} turn */
  startOver(content, turn) {
    const from = this.page.state.conversation?.id;
    if (from === null || from === undefined) return;
    this.navigation.visitHere(null);
    this.ask(content, turn, { conversation: from });
  }

  /** Returns whether an answer could be stopped. */
  stop() {
    const { page } = this;
    if (!page.composer.canStop || !page.connection?.send(protocol.stop())) return false;
    page.dispatch({ type: 'stopping' });
    return true;
  }

  /** @param {{callId: string, answers: protocol.Answers}} given */
  answer({ callId, answers }) {
    const { page } = this;
    const turn = page.state.conversation?.turns.find((one) => (
      one.parts.some((part) => part.kind === 'question' && part.callId === callId)));
    if (!turn) return;
    const messageId = newId();
    if (page.connection?.attached && page.connection.send(protocol.answer(messageId, callId, answers))) {
      this.#answers.set(messageId, Object.values(answers).flat().join(', '));
      page.dispatch({ type: 'answered', turn: turn.turn, call_id: callId, message_id: messageId });
    } else page.dispatch({ type: 'notice', content: 'Your answer was not sent: there is no connection. Answer again when it is back.' });
  }

  /** Gives the text of an answer back if the server refused it. @param {string | undefined} messageId @param {boolean} isAccepted */
  settleAnswer(messageId, isAccepted) {
    const text = this.#answers.get(messageId ?? '');
    this.#answers.delete(messageId ?? '');
    if (text !== undefined && !isAccepted) this.page.composer.giveBack(text);
  }

  /** Takes back a question that waits. @param {{turn: number, question: string, attachments?: import('./attachments.js').Attachment[]}} queued */
  withdrawQueued({ turn, question, attachments }) {
    if (this.page.connection?.attached && this.page.connection.send(protocol.withdraw(turn))) {
      this.#withdrawn.set(turn, { question, attachments });
    } else this.page.dispatch({ type: 'notice', content: 'The question was not withdrawn: there is no connection.' });
  }

  /** Gives the text of a question back that was withdrawn here, once its turn has ended. @param {number} turn @param {string} outcome */
  turnEnded(turn, outcome) {
    const withdrawn = this.#withdrawn.get(turn);
    if (withdrawn === undefined) return;
    this.#withdrawn.delete(turn);
    if (outcome !== 'stopped') return;
    this.page.composer.giveBack(withdrawn.question, withdrawn.attachments);
    this.page.composer.focus();
  }

  /** Takes back a question that is not sent yet. @param {import('./store.js').Pending} pending */
  withdraw({ messageId, content, attachments }) {
    const { page } = this;
    page.connection?.settle(messageId);
    page.dispatch({ type: 'withdrawn', message_id: messageId });
    page.composer.giveBack(content, attachments);
    page.composer.focus();
  }

  /** Saves the draft after a pause. */
  draftChanged() {
    clearTimeout(this.#timer);
    this.#isDirty = true;
    this.#timer = setTimeout(() => this.saveDraft(), SAVE_DELAY);
  }

  saveDraft() {
    const { current } = this.navigation;
    clearTimeout(this.#timer);
    if (!this.#isDirty || !current) return;
    this.#isDirty = false;
    storage.saveInput(current.project, current.id, this.page.unsent);
  }

  /** The page is being closed. */
  leave() {
    const { project } = this.page.state;
    // Another tab may have taken over the stored draft.
    if (this.page.unsent) this.#isDirty = true;
    this.saveDraft();
    if (project !== null) storage.releaseOutbox(project, this.page.state.conversation?.id ?? null);
  }
}

/** A touch keyboard would cover the conversation. */
const isTouch = () => matchMedia('(pointer: coarse)').matches;

/** `crypto.randomUUID` is missing on pages that come from another machine without TLS. */
function newId() {
  if (crypto.randomUUID) return crypto.randomUUID();
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}
