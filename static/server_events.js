/** Handles what comes from the server: frames, connection states, the list of conversations. */
import * as api from './api.js';
import * as storage from './storage.js';
import * as protocol from './protocol.js';
import { CONNECTION_LOST, WITHOUT_SOCKET } from './text.js';

/** The close code of a socket that was cut or never opened. */
const CLOSED_ABNORMALLY = 1006;

export class ServerEvents {
  /** Whether it was told that there are no WebSockets. */
  #hasTold = false;

  /**
   * @param {import('./page.js').Page} page @param {import('./navigation.js').Navigation} navigation
   * @param {import('./commands.js').Commands} commands
   * @param {import('./live_list.js').LiveList} liveList
   */
  constructor(page, navigation, commands, liveList) {
    this.page = page;
    this.navigation = navigation;
    this.commands = commands;
    this.liveList = liveList;
    liveList.onReset = () => this.refreshList();
  }

  /** @param {protocol.ServerFrame} frame */
  receive(frame) {
    const { page } = this;
    const before = page.state.conversation;
    if (!before) return;
    if (frame.type === 'list') return this.liveList.receive(frame);
    const refused = frame.type === 'error' && before.pending.find((pending) => pending.messageId === frame.message_id);
    page.dispatch(frame);
    const project = /** @type {string} */ (page.state.project);
    if (page.state.conversation?.pickedAgent !== before.pickedAgent || refused) this.commands.draftChanged();
    if (frame.type === 'conversation_created') this.#movePending(project, frame.conversation_id);
    if (refused) page.composer.giveBack(refused.content, refused.attachments);
    if (frame.type === 'error' || frame.type === 'accepted') {
      this.commands.settleAnswer(frame.message_id, frame.type === 'accepted');
    }
    if (frame.type === 'response_done') this.commands.turnEnded(frame.turn, frame.outcome);
    if (frame.type === 'accepted') {
      this.navigation.updateAddress();
      this.liveList.asked();
      // Without the warning nothing is lost.
      import('./budget.js').then((it) => it.warnOfBudget(project, (detail) => document.dispatchEvent(new CustomEvent('notify', { detail })))).catch(() => null);
    }
  }

  /** @param {import('./connection.js').ConnectionState} state */
  connectionChanged(state) {
    const { page } = this;
    const { conversation, project } = page.state;
    // Browsers do not tell why a socket was refused. If a login is missing, this call leads to it.
    if (state.code === CLOSED_ABNORMALLY) api.whoAmI().catch(() => null);
    // The server forgets a conversation without questions when its last viewer leaves: begin another.
    const isForgotten = state.code === protocol.CLOSE_NO_SUCH_CONVERSATION && page.isNew
      && conversation?.turns.every((turn) => turn.turn === 0);
    if (isForgotten && project !== null && conversation) {
      storage.saveOutbox(project, null, storage.loadOutbox(project, conversation.id));
      storage.saveOutbox(project, conversation.id, []);
      storage.saveInput(project, null, page.unsent);
      this.navigation.visit(project, null, true);
      return;
    }
    page.dispatch({ type: 'connection', phase: state.phase, code: state.code });
    // Without a connection nobody tells of the list.
    if (state.phase === 'ended' || (state.phase === 'lost' && page.state.list === null)) this.refreshList();
    if (state.phase === 'open' && conversation?.wasOpen && conversation.connection !== 'open') page.announce('Connected again.', CONNECTION_LOST);
    if (state.phase === 'lost') page.announce(CONNECTION_LOST);
  }

  /** Events come, but no WebSocket opens. */
  withoutSocket() {
    if (this.#hasTold) return;
    this.#hasTold = true;
    document.dispatchEvent(new CustomEvent('notify', { detail: WITHOUT_SOCKET }));
  }

  async refreshList() {
    const { page } = this;
    const project = page.state.project;
    if (project === null) return;
    await this.liveList.read(() => api.listConversations(project));
    const open = page.state.conversation;
    const title = page.state.list?.find((listed) => listed.id === open?.id)?.title;
    if (title && title !== open?.title) page.dispatch({ type: 'title', title });
  }

  /** Moves the outbox of the new conversation to its id. @param {string} project @param {number} id */
  #movePending(project, id) {
    const waiting = storage.loadOutbox(project, null);
    storage.saveOutbox(project, null, []);
    storage.saveOutbox(project, id, waiting);
    if (waiting.length > 0) this.navigation.updateAddress();
  }
}
