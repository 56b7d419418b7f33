/** The address and what it opens: which project, which conversation, and the connection to it. */
import { formatAddress, parseAddress } from './address.js';
import * as storage from './storage.js';
import { Connection } from './connection.js';
import { initialConversation } from './store.js';

/**
 * @typedef {object} Listener who is told what comes over the connection
 * @property {(frame: import('./protocol.js').ServerFrame) => void} receive
 * @property {(state: import('./connection.js').ConnectionState) => void} connectionChanged
 * @property {() => void} refreshList
 */

export class Navigation {
  /** @type {Listener | null} */
  listener = null;
  /** The address of what is open. */
  #opened = '';
  /** The project and the conversation that the address names. @type {{project: string, id: number | null} | null} */
  current = null;
  /** Called before another conversation takes this one's place. */
  onLeave = () => {};

  /** @param {import('./page.js').Page} page */
  constructor(page) {
    this.page = page;
  }

  /** Follows the address, and mends one that names no project. */
  followAddress() {
    const { projects, problem } = this.page.state;
    const { project, conversation, turn } = parseAddress(location.pathname, location.hash);
    if (project !== null) {
      // A file that is opened or closed beside the conversation leaves that as it is.
      if (formatAddress(project, conversation, turn) !== this.#opened) this.open(project, conversation, turn);
      return;
    }
    const names = (projects ?? []).map((known) => known.name);
    const kept = storage.loadProject();
    const chosen = kept !== null && names.includes(kept) ? kept : names[0];
    if (chosen !== undefined) this.visit(chosen, null, true);
    else this.page.setState({ problem: problem ?? 'No project is served here. Start cicerone with the directory of one.' });
  }

  /**
   * @param {string} project @param {number | null} conversation @param {boolean} [replace]
   * @param {number | null} [turn] to be shown
   */
  visit(project, conversation, replace = false, turn = null) {
    const address = formatAddress(project, conversation, turn);
    if (replace) history.replaceState(null, '', address);
    else if (address !== location.pathname + location.hash) {
      // The file beside the conversation stays where the conversation does.
      const [path, hash = ''] = address.split('#');
      const file = path === location.pathname ? location.search : '';
      history.pushState(file ? history.state : null, '', `${path}${file}${hash && '#'}${hash}`);
    }
    this.open(project, conversation, turn);
  }

  /**
   * Another conversation of the project that is open.
   * @param {number | null} conversation `null` begins a new one @param {number | null} [turn] to be shown
   */
  visitHere(conversation, turn = null) {
    if (this.page.state.project !== null) this.visit(this.page.state.project, conversation, false, turn);
  }

  /**
   * @param {string} project @param {number | null} id `null` begins a new conversation
   * @param {number | null} [turn] to be shown
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
      messageId: frame.message_id, content: 'content' in frame ? frame.content : 'The same question once more',
    }));
    if (project !== page.state.project) page.setState({ list: null });
    page.setState({ project, problem: null, conversation: { ...initialConversation(id, pending), online: navigator.onLine } });
    page.isNew = id === null;
    page.view.clear();
    page.view.seek(turn);
    page.composer.restore(storage.takeInput(project, id));
    storage.saveProject(project);
    document.dispatchEvent(new CustomEvent('visited'));
    this.listener?.refreshList();
    page.connection = new Connection({
      url: `${location.origin.replace(/^http/, 'ws')}/api/assistant/ws/${project}`,
      conversationId: id,
      outbox,
      onFrame: (frame) => this.listener?.receive(frame),
      onState: (state) => this.listener?.connectionChanged(state),
      onOutbox: (waiting) => storage.saveOutbox(project, page.state.conversation?.id ?? null, waiting),
    });
    page.connection.open();
    // A touch keyboard would cover what there is to read.
    if (!matchMedia('(pointer: coarse)').matches) requestAnimationFrame(() => page.composer.focus());
  }

  /** A conversation in which something was asked has an address of its own. */
  updateAddress() {
    const { project, conversation } = this.page.state;
    if (!this.page.isNew || project === null || !conversation || conversation.id === null) return;
    this.#opened = formatAddress(project, conversation.id);
    history.replaceState(history.state, '', this.#opened + location.search + location.hash);
    this.current = { project, id: conversation.id };
    storage.saveInput(project, null, null);
    storage.saveInput(project, conversation.id, this.page.composer.typed);
  }
}
