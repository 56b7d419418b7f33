/** The open project and conversation, as the address names them, and the connection to it. */
import { formatAddress, parseAddress } from './address.js';
import { BASE } from './base_path.js';
import * as storage from './storage.js';
import { Connection } from './connection.js';
import { initialConversation } from './store.js';

/**
 * @typedef {object} Listener handles what comes over the connection
 * @property {(frame: import('./protocol.js').ServerFrame) => void} receive
 * @property {(state: import('./connection.js').ConnectionState) => void} connectionChanged
 * @property {() => void} withoutSocket
 */

export class Navigation {
  /** @type {Listener | null} */
  listener = null;
  /** The address of the open conversation. */
  #opened = '';
  /** The open project and conversation. @type {{project: string, id: number | null} | null} */
  current = null;
  /** Called before another conversation is opened. */
  onLeave = () => {};

  /** The position in the changes of the list, for the next connection. */
  listPosition = () => '';

  /** @param {import('./page.js').Page} page */
  constructor(page) {
    this.page = page;
  }

  /** Opens what the address names, or a project if it names none. */
  followAddress() {
    const { projects, problem } = this.page.state;
    const { project, conversation, turn } = parseAddress(location.pathname, location.hash);
    if (project !== null) {
      // An address that differs in its file alone leaves the conversation open.
      if (formatAddress(project, conversation, turn) !== this.#opened) this.open(project, conversation, turn);
      return;
    }
    const names = (projects ?? []).map((known) => known.name);
    const last = storage.loadProject();
    const chosen = last !== null && names.includes(last) ? last : names[0];
    if (chosen !== undefined) this.visit(chosen, null, true);
    else this.page.setState({ problem: problem ?? 'This server has no project. Start cicerone with the directory of a project.' });
  }

  /**
   * @param {string} project @param {number | null} conversation @param {boolean} [replace]
   * @param {number | null} [turn] to show
   */
  visit(project, conversation, replace = false, turn = null) {
    const address = formatAddress(project, conversation, turn);
    if (replace) history.replaceState(null, '', address);
    else if (address !== location.pathname + location.hash) {
      // The open file stays if the conversation does.
      const [path, hash = ''] = address.split('#');
      const file = path === location.pathname ? location.search : '';
      history.pushState(file ? history.state : null, '', `${path}${file}${hash && '#'}${hash}`);
    }
    this.open(project, conversation, turn);
  }

  /**
   * Visits a conversation of the open project.
   * @param {number | null} conversation `null` begins a new one @param {number | null} [turn] to show
   */
  visitHere(conversation, turn = null) {
    if (this.page.state.project !== null) this.visit(this.page.state.project, conversation, false, turn);
  }

  /**
   * @param {string} project @param {number | null} id `null` begins a new conversation
   * @param {number | null} [turn] to show
   */
  open(project, id, turn = null) {
    const { page } = this;
    this.#opened = formatAddress(project, id, turn);
    const { conversation } = page.state;
    if (project === page.state.project && id !== null && id === conversation?.id && conversation.connection !== 'ended') {
      page.view.seek(turn);
      return;
    }
    page.connection?.close();
    this.onLeave();
    this.current = { project, id };
    const outbox = storage.loadOutbox(project, id);
    const pending = outbox.map((frame) => ({
      messageId: frame.message_id, content: 'content' in frame ? frame.content : 'The same question again',
    }));
    if (project !== page.state.project) page.setState({ list: null });
    const typed = storage.takeInput(project, id);
    page.setState({
      project, problem: null,
      conversation: { ...initialConversation(id, pending), pickedAgent: typed?.agent ?? null, online: navigator.onLine },
    });
    page.isNew = id === null;
    page.view.clear();
    page.view.seek(turn);
    page.composer.restore(typed);
    storage.saveProject(project);
    document.dispatchEvent(new CustomEvent('visited'));
    page.connection = new Connection({
      url: `${location.origin.replace(/^http/, 'ws')}${BASE}/api/assistant/ws/${project}?protocol=1`,
      eventsUrl: `${BASE}/api/assistant/events/${project}`,
      conversationId: id,
      outbox,
      listPosition: () => this.listPosition(),
      onFrame: (frame) => this.listener?.receive(frame),
      onState: (state) => this.listener?.connectionChanged(state),
      withoutSocket: page.connection?.withoutSocket,
      onWithoutSocket: () => this.listener?.withoutSocket(),
      onOutbox: (waiting) => storage.saveOutbox(project, page.state.conversation?.id ?? null, waiting),
    });
    page.connection.open();
    // A touch keyboard would cover the conversation.
    if (!matchMedia('(pointer: coarse)').matches) requestAnimationFrame(() => page.composer.focus());
  }

  /** Gives a new conversation its own address once something was asked in it. */
  updateAddress() {
    const { project, conversation } = this.page.state;
    if (!this.page.isNew || project === null || !conversation || conversation.id === null) return;
    this.#opened = formatAddress(project, conversation.id);
    history.replaceState(history.state, '', this.#opened + location.search + location.hash);
    this.current = { project, id: conversation.id };
    storage.saveInput(project, null, null);
    storage.saveInput(project, conversation.id, this.page.unsent);
  }
}
