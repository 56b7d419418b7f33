/** What a person sends: questions, answers to the agent's questions, the word to stop; and the draft. */
import * as storage from './storage.js';
import * as protocol from './protocol.js';

/** How long after a letter the text is kept, in milliseconds. */
const KEEP_AFTER = 300;

export class Commands {
  #isDirty = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  /** Answers to the agent's questions that are on their way, by their messages' ids. @type {Map<string, string>} */
  #answers = new Map();

  /** @param {import('./page.js').Page} page @param {import('./navigation.js').Navigation} navigation */
  constructor(page, navigation) {
    this.page = page;
    this.navigation = navigation;
  }

  /**
   * @param {string} content @param {number} [retryOf] the turn whose question this is once more
   * @param {number} [from] the conversation of that turn, where it is another one
   */
  ask(content, retryOf, from) {
    const { page } = this;
    if (page.state.project === null || !page.state.conversation || !page.connection) return;
    const messageId = newId();
    page.dispatch({ type: 'submitted', message_id: messageId, content });
    page.connection.submit(retryOf === undefined
      ? protocol.message(messageId, content) : protocol.retry(messageId, retryOf, from));
    storage.addToHistory(page.state.project, content);
    this.navigation.updateAddress();
    page.view.scrollToEnd();
    // Whatever was clicked may be gone with the first question.
    if (!page.composer.contains(document.activeElement) && !isTouch()) page.composer.focus();
  }

  /** Asks the question of a turn in a new conversation that knows of this one. @param {string} content @param {number} turn */
  startOver(content, turn) {
    const from = this.page.state.conversation?.id;
    if (from === null || from === undefined) return;
    this.navigation.visitHere(null);
    this.ask(content, turn, from);
  }

  /** Says whether there was something to stop. */
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
      page.dispatch({ type: 'answered', turn: turn.turn, call_id: callId });
    } else page.dispatch({ type: 'notice', content: 'There is no connection: answer again when it is back.' });
  }

  /** What was answered with this message, unless the server took it. @param {string | undefined} messageId @param {boolean} isTaken */
  settleAnswer(messageId, isTaken) {
    const text = this.#answers.get(messageId ?? '');
    this.#answers.delete(messageId ?? '');
    if (text !== undefined && !isTaken) this.page.composer.giveBack(text);
  }

  /** Takes back a question that was not sent. @param {import('./store.js').Pending} pending */
  withdraw({ messageId, content }) {
    const { page } = this;
    page.connection?.settle(messageId);
    page.dispatch({ type: 'withdrawn', message_id: messageId });
    page.composer.giveBack(content);
    page.composer.focus();
  }

  /** The text has changed: it is kept a moment later, and in any case before the page goes. */
  typed() {
    clearTimeout(this.#timer);
    this.#isDirty = true;
    this.#timer = setTimeout(() => this.keep(), KEEP_AFTER);
  }

  /** Keeps what was typed now. */
  keep() {
    const { current } = this.navigation;
    clearTimeout(this.#timer);
    if (!this.#isDirty || !current) return;
    this.#isDirty = false;
    storage.saveInput(current.project, current.id, this.page.composer.typed);
  }

  /** The page goes, perhaps for good. */
  leave() {
    const { project } = this.page.state;
    // A tab that took the text over meanwhile may go without having changed it.
    if (this.page.composer.typed) this.#isDirty = true;
    this.keep();
    if (project !== null) storage.releaseOutbox(project, this.page.state.conversation?.id ?? null);
  }
}

/** A touch keyboard would cover what there is to read. */
const isTouch = () => matchMedia('(pointer: coarse)').matches;

/** `crypto.randomUUID` is missing where the page is served without TLS to another machine. */
function newId() {
  if (crypto.randomUUID) return crypto.randomUUID();
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}
