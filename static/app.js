/** Wires the parts: the address, the connection, the store and the views. Decides nothing itself. */
import { formatAddress, parseAddress } from './address.js';
import * as api from './api.js';
import * as keep from './keep.js';
import * as protocol from './protocol.js';
import { Connection } from './socket.js';
import { openConversation, openTurns, reduce } from './store.js';
import './views/composer.js';
import './views/conversation.js';
import './views/rail.js';
import { textOf } from './views/html.js';
import { showKeys } from './views/keys.js';

const LONGEST_ANNOUNCEMENT = 600;

/** How a browser calls a socket that was cut, or never came to be. */
const CLOSED_WITHOUT_WORDS = 1006;

class App {
  /** @type {{projects: api.Project[] | null, project: string | null, list: api.Listed[] | null,
   *   problem: string | null, conversation: import('./store.js').Conversation | null}} */
  state = { projects: null, project: null, list: null, problem: null, conversation: null };
  /** @type {Connection | null} */
  connection = null;
  /** Whether the open conversation began on this page. */
  isNew = false;
  isDrawing = false;
  rail = /** @type {import('./views/rail.js').ProjectRail} */ (document.querySelector('project-rail'));
  view = /** @type {import('./views/conversation.js').ConversationView} */ (document.querySelector('conversation-view'));
  composer = /** @type {import('./views/composer.js').QuestionComposer} */ (document.querySelector('question-composer'));
  main = /** @type {HTMLElement} */ (document.querySelector('main'));
  announcements = /** @type {HTMLElement} */ (document.querySelector('#announcements'));

  async start() {
    this.listen();
    this.draw();
    try {
      const [projects, me] = await Promise.all([api.listProjects(), api.whoAmI()]);
      this.state = { ...this.state, projects };
      this.rail.offerLogOut(me.can_log_out);
    } catch (error) {
      this.state = { ...this.state, problem: words(error) };
    }
    this.goToAddress();
  }

  get project() {
    return this.state.projects?.find((project) => project.name === this.state.project) ?? null;
  }

  /** Follows the address, and mends one that names no project. */
  goToAddress() {
    const { project, conversation } = parseAddress(location.pathname);
    if (project !== null) {
      this.open(project, conversation);
      return;
    }
    const names = (this.state.projects ?? []).map((known) => known.name);
    const kept = keep.readProject();
    const chosen = kept !== null && names.includes(kept) ? kept : names[0];
    if (chosen !== undefined) this.visit(chosen, null, true);
    else {
      this.state = {
        ...this.state,
        problem: this.state.problem ?? 'No project is served here. Start cicerone with the directory of one.',
      };
      this.draw();
    }
  }

  /** @param {string} project @param {number | null} conversation @param {boolean} [replace] */
  visit(project, conversation, replace = false) {
    const address = formatAddress(project, conversation);
    if (replace) history.replaceState(null, '', address);
    else if (address !== location.pathname) history.pushState(null, '', address);
    this.open(project, conversation);
  }

  /** @param {string} project @param {number | null} id `null` begins a new conversation */
  open(project, id) {
    this.connection?.close();
    const outbox = keep.readOutbox(project, id);
    const pending = outbox.map((frame) => ({
      messageId: frame.message_id, content: 'content' in frame ? frame.content : 'The same question once more',
    }));
    if (project !== this.state.project) this.state = { ...this.state, project, list: null };
    this.state = { ...this.state, problem: null, conversation: openConversation(id, pending) };
    this.isNew = id === null;
    this.view.clear();
    this.composer.write(keep.readDraft(project, id));
    keep.keepProject(project);
    this.refreshList();
    this.connection = new Connection({
      url: `${location.origin.replace(/^http/, 'ws')}/api/assistant/ws/${project}`,
      conversationId: id,
      outbox,
      onFrame: (frame) => this.receive(frame),
      onState: (state) => this.connectionChanged(state),
      onOutbox: (waiting) => keep.keepOutbox(project, this.state.conversation?.id ?? null, waiting),
    });
    this.connection.open();
    this.draw();
    // A touch keyboard would cover what there is to read.
    if (!matchMedia('(pointer: coarse)').matches) requestAnimationFrame(() => this.composer.focus());
  }

  /** @param {import('./store.js').LocalEvent | protocol.ServerFrame} event */
  dispatch(event) {
    const before = this.state.conversation;
    if (!before) return;
    const conversation = reduce(before, event);
    if (conversation === before) return;
    this.state = { ...this.state, conversation };
    this.draw();
  }

  /** @param {protocol.ServerFrame} frame */
  receive(frame) {
    const before = this.state.conversation;
    if (!before) return;
    const refused = frame.type === 'error' && before.pending.find((pending) => pending.messageId === frame.message_id);
    this.dispatch(frame);
    const project = /** @type {string} */ (this.state.project);
    if (frame.type === 'conversation_created') this.movePending(project, frame.conversation_id);
    if (refused) this.composer.write([refused.content, this.composer.text].filter(Boolean).join('\n\n'));
    if (frame.type === 'accepted') this.nameAddress();
    const isEnd = frame.type === 'response_done' || (frame.type === 'error' && frame.turn !== undefined);
    if (frame.type === 'accepted' || (isEnd && before.caughtUp)) this.refreshList();
    if (isEnd && before.caughtUp) this.announce(/** @type {number} */ (frame.turn));
  }

  /** What waits to be sent belongs to the conversation from now on. @param {string} project @param {number} id */
  movePending(project, id) {
    const waiting = keep.readOutbox(project, null);
    keep.keepOutbox(project, null, []);
    keep.keepOutbox(project, id, waiting);
    if (waiting.length > 0) this.nameAddress();
  }

  /** A conversation in which something was asked has an address of its own. */
  nameAddress() {
    const { project, conversation } = this.state;
    if (!this.isNew || project === null || !conversation || conversation.id === null) return;
    history.replaceState(null, '', formatAddress(project, conversation.id));
    keep.keepDraft(project, null, '');
    keep.keepDraft(project, conversation.id, this.composer.text);
  }

  /** @param {import('./socket.js').ConnectionState} state */
  connectionChanged(state) {
    const { conversation, project } = this.state;
    // A browser does not tell why a connection was refused: a call that is refused leads to the login.
    if (state.code === CLOSED_WITHOUT_WORDS) api.whoAmI().catch(() => null);
    // A conversation in which nobody has written goes with its last viewer: begin another.
    const isForgotten = state.code === protocol.CLOSE_NO_SUCH_CONVERSATION && this.isNew
      && conversation?.turns.every((turn) => turn.turn === 0);
    if (isForgotten && project !== null && conversation) {
      keep.keepOutbox(project, null, keep.readOutbox(project, conversation.id));
      keep.keepOutbox(project, conversation.id, []);
      keep.keepDraft(project, null, this.composer.text);
      this.visit(project, null, true);
      return;
    }
    this.dispatch({ type: 'connection', phase: state.phase, code: state.code });
    if (state.phase === 'lost') this.say('The connection is gone; reconnecting.');
    if (state.phase === 'open' && conversation?.wasOpen) this.say('Connected again.');
  }

  async refreshList() {
    const project = this.state.project;
    if (project === null) return;
    try {
      const list = await api.listConversations(project);
      if (project !== this.state.project) return;
      this.state = { ...this.state, list };
      const open = this.state.conversation;
      const title = list.find((listed) => listed.id === open?.id)?.title;
      if (title && title !== open?.title) this.dispatch({ type: 'title', title });
    } catch {
      // The list that is shown stays; the connection's own words say what is wrong.
    }
    this.draw();
  }

  /** @param {string} content @param {number} [retryOf] the turn whose question this is once more */
  ask(content, retryOf) {
    const { project, conversation } = this.state;
    if (project === null || !conversation || !this.connection) return;
    const messageId = newId();
    this.dispatch({ type: 'submitted', message_id: messageId, content });
    this.connection.submit(retryOf === undefined
      ? protocol.message(messageId, content) : protocol.retry(messageId, retryOf));
    this.nameAddress();
    this.view.scrollToEnd();
  }

  stop() {
    if (this.composer.canStop && this.connection?.send(protocol.stop())) this.dispatch({ type: 'stopping' });
  }

  /** @param {{callId: string, answers: protocol.Answers}} given */
  answer({ callId, answers }) {
    const turn = this.state.conversation?.turns.find((one) => (
      one.parts.some((part) => part.kind === 'question' && part.callId === callId)));
    if (!turn) return;
    if (this.connection?.attached && this.connection.send(protocol.answer(answers))) {
      this.dispatch({ type: 'answered', turn: turn.turn, call_id: callId });
    } else this.dispatch({ type: 'notice', content: 'There is no connection: answer again when it is back.' });
  }

  async delete() {
    const { project, conversation } = this.state;
    if (project === null || !conversation || conversation.id === null) return;
    try {
      await api.deleteConversation(project, conversation.id);
      this.visit(project, null);
    } catch (error) {
      this.dispatch({ type: 'notice', content: words(error) });
    }
  }

  async logOut() {
    await api.logOut().catch(() => null);
    // Without a login the page leads to it; an open connection ends with the page.
    location.assign('/login');
  }

  /** Says a finished answer once, whole, instead of each piece of it. @param {number} number */
  announce(number) {
    const turn = this.state.conversation?.turns.find((one) => one.turn === number);
    if (!turn || number === 0) return;
    const text = turn.parts.findLast((part) => part.kind === 'text');
    const said = text?.kind === 'text' ? textOf(text.html) : '';
    if (turn.end?.kind === 'error') this.say(turn.end.content);
    else this.say(`Answer: ${said.length > LONGEST_ANNOUNCEMENT ? `${said.slice(0, LONGEST_ANNOUNCEMENT)} … and more` : said}`);
  }

  /** @param {string} text */
  say(text) {
    this.announcements.textContent = text;
  }

  /** Draws at most once a frame. */
  draw() {
    if (this.isDrawing) return;
    this.isDrawing = true;
    requestAnimationFrame(() => {
      this.isDrawing = false;
      const { projects, project, list, problem, conversation } = this.state;
      this.rail.update({ projects, project, list, problem: null, conversation: conversation?.id ?? null });
      this.view.update({ conversation, project: this.project, problem });
      this.composer.update(conversation, this.project?.path ?? '');
    });
  }

  listen() {
    /** @param {string} name @param {(detail: any) => void} act */
    const on = (name, act) => document.addEventListener(name, (event) => act(/** @type {CustomEvent} */ (event).detail));
    on('ask', (content) => this.ask(content));
    on('ask-again', ({ turn, question }) => this.ask(question, turn));
    on('answer', (given) => this.answer(given));
    on('stop', () => this.stop());
    on('draft', (text) => this.keepDraft(text));
    on('open-rail', () => this.rail.open(true));
    on('drawer', (isOpen) => { this.main.inert = isOpen; });
    on('retry-connection', () => this.connection?.retryNow());
    on('new-conversation', () => this.state.project !== null && this.visit(this.state.project, null));
    on('pick-project', (name) => this.visit(name, null));
    on('pick-conversation', (id) => this.state.project !== null && this.visit(this.state.project, id));
    on('log-out', () => this.logOut());
    on('delete-conversation', () => this.delete());
    document.addEventListener('keydown', (event) => this.key(event));
    addEventListener('popstate', () => this.goToAddress());
    addEventListener('online', () => this.connection?.retryNow());
    document.addEventListener('visibilitychange', () => {
      if (document.visibilityState !== 'visible') return;
      this.connection?.retryNow();
      this.refreshList();
    });
  }

  /** @param {string} text */
  keepDraft(text) {
    const { project, conversation } = this.state;
    if (project === null || !conversation) return;
    keep.keepDraft(project, parseAddress(location.pathname).conversation, text);
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    if (event.isComposing || document.querySelector('dialog[open]')) return;
    const isField = /** @type {Element} */ (event.target).matches?.('input, textarea, select');
    if (event.key === 'Escape') {
      if (this.rail.isDrawerOpen) this.rail.open(false);
      else this.stop();
    } else if (event.shiftKey && (event.ctrlKey || event.metaKey) && event.key.toLowerCase() === 'o') {
      event.preventDefault();
      if (this.state.project !== null) this.visit(this.state.project, null);
    } else if (!isField && !event.ctrlKey && !event.metaKey && !event.altKey) {
      if (event.key === '?') showKeys();
      else if (event.key === 'j') this.view.step(1);
      else if (event.key === 'k') this.view.step(-1);
    }
  }
}

/** `crypto.randomUUID` is missing where the page is served without TLS to another machine. */
function newId() {
  if (crypto.randomUUID) return crypto.randomUUID();
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** @param {unknown} error */
const words = (error) => (error instanceof Error ? error.message : String(error));

new App().start();
