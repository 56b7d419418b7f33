/** What a person sends: questions, answers to the agent's questions, the word to stop; and the draft. */
import { parseAddress } from './address.js';
import * as keep from './keep.js';
import * as protocol from './protocol.js';

export class Asking {
  /** @param {import('./page.js').Page} page @param {import('./navigation.js').Navigation} navigation */
  constructor(page, navigation) {
    this.page = page;
    this.navigation = navigation;
  }

  /** @param {string} content @param {number} [retryOf] the turn whose question this is once more */
  ask(content, retryOf) {
    const { page } = this;
    if (page.state.project === null || !page.state.conversation || !page.connection) return;
    const messageId = newId();
    page.dispatch({ type: 'submitted', message_id: messageId, content });
    page.connection.submit(retryOf === undefined
      ? protocol.message(messageId, content) : protocol.retry(messageId, retryOf));
    this.navigation.nameAddress();
    page.view.scrollToEnd();
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
    if (page.connection?.attached && page.connection.send(protocol.answer(answers))) {
      page.dispatch({ type: 'answered', turn: turn.turn, call_id: callId });
    } else page.dispatch({ type: 'notice', content: 'There is no connection: answer again when it is back.' });
  }

  /** @param {string} text */
  keepDraft(text) {
    const { project, conversation } = this.page.state;
    if (project === null || !conversation) return;
    keep.keepDraft(project, parseAddress(location.pathname).conversation, text);
  }
}

/** `crypto.randomUUID` is missing where the page is served without TLS to another machine. */
function newId() {
  if (crypto.randomUUID) return crypto.randomUUID();
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}
