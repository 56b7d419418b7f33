/** Actions on a whole conversation: rename, delete with undo, copy a link. */
import * as api from './api.js';
import { formatAddress } from './address.js';
import { loadFailureText } from './text.js';
import { copyText, writeClipboard } from './views/dom.js';

/** @typedef {{id: number, title: string}} TitledConversation of the open project */

export class ConversationActions {
  /** Loaded with the first deletion. @type {import('./delayed_deletion.js').DelayedDeletion | null} */
  #deletion = null;

  /** The list of the open project as the server told it. @type {import('./live_list.js').ListedConversation[]} */
  received = [];
  /** Adds marks to the rows. @type {(list: import('./live_list.js').ListedConversation[]) => import('./live_list.js').ListedConversation[]} */
  withMarks = (list) => list;

  /**
   * @param {import('./page.js').Page} page @param {import('./navigation.js').Navigation} navigation
   * @param {import('./views/page_notice.js').PageNotice} notice
   */
  constructor(page, navigation, notice) {
    this.page = page;
    this.navigation = navigation;
    this.notice = notice;
    addEventListener('pagehide', () => this.#deletion?.commit(true));
  }

  /** Shows the list of the open project without deleted conversations. */
  showAgain() {
    const { project } = this.page.state;
    if (project === null) return;
    this.page.setState({ list: this.withMarks(this.received.filter((listed) => !this.#deletion?.has(project, listed.id))) });
  }

  /** @param {TitledConversation} conversation with the new title */
  async rename({ id, title }) {
    const { project, list } = this.page.state;
    if (project === null) return;
    const before = list?.find((listed) => listed.id === id)?.title ?? this.page.state.conversation?.title ?? '';
    this.#showTitle(id, title);
    try {
      this.#showTitle(id, (await api.renameConversation(project, id, title)).title ?? title);
    } catch (error) {
      this.#showTitle(id, before);
      this.notice.show(`The conversation was not renamed: ${api.errorMessage(error)}`);
    }
  }

  /** @param {TitledConversation & {byKey: boolean}} conversation */
  async remove({ id, title, byKey }) {
    const { project, conversation } = this.page.state;
    if (project === null) return;
    const wasOpen = conversation?.id === id;
    const deletion = await this.#loadDeletion();
    if (!deletion) return;
    deletion.begin({ project, id, title, wasOpen });
    this.showAgain();
    if (wasOpen) this.navigation.visit(project, null);
    this.notice.offer(`Deleted “${title}”.`, {
      label: 'Undo', act: () => this.#undo(), pause: () => deletion.pause(), resume: () => deletion.resume(), focus: byKey,
    });
  }

  /** Opening a conversation that is about to be deleted undoes the deletion. */
  visited() {
    const { project, conversation } = this.page.state;
    if (project === null || !conversation?.id || !this.#deletion?.isWaiting(project, conversation.id)) return;
    this.#deletion.undo();
    this.notice.hideOffer();
    this.showAgain();
  }

  /** Copies the address of a conversation, or of a turn of the open one. @param {{turn?: number, id?: number}} target */
  async copyLink({ turn, id }) {
    const { project, conversation } = this.page.state;
    const address = formatAddress(project, id ?? conversation?.id ?? null, turn ?? null);
    if (await writeClipboard(new URL(address, location.href).href)) {
      this.notice.show('Link copied.');
    } else {
      if (conversation?.id === (id ?? conversation?.id)) history.replaceState(null, '', address);
      this.notice.show(`The link could not be copied. It is ${new URL(address, location.href).href}`);
    }
  }

  /** Copies an answer of the open conversation as Markdown. @param {{turn: number, button: HTMLElement}} target */
  async copyAnswer({ turn, button }) {
    const { project, conversation } = this.page.state;
    if (project === null || !conversation?.id) return;
    try {
      await copyText(await api.readAnswer(project, conversation.id, turn), button);
    } catch (error) {
      this.notice.show(`The answer was not copied: ${api.errorMessage(error)}`);
    }
  }

  async #loadDeletion() {
    try {
      const { DelayedDeletion } = await import('./delayed_deletion.js');
      this.#deletion ??= new DelayedDeletion({
        send: ({ project, id }, leaving) => api.deleteConversation(project, id, leaving),
        committed: () => this.notice.hideOffer(),
        failed: (deleted, error) => this.#deletionFailed(deleted, error),
      });
    } catch {
      this.notice.show(loadFailureText('The deletion'));
    }
    return this.#deletion;
  }

  #undo() {
    const restored = this.#deletion?.undo();
    this.notice.hideOffer();
    if (!restored) return;
    const { project, conversation } = this.page.state;
    const isEmpty = conversation?.turns.every((turn) => turn.turn === 0) && conversation.pending.length === 0;
    if (restored.wasOpen && project === restored.project && this.page.isNew && isEmpty) {
      this.navigation.visit(restored.project, restored.id, true);
    } else this.showAgain();
  }

  /** @param {import('./delayed_deletion.js').PendingDeletion} deleted @param {unknown} error */
  #deletionFailed(deleted, error) {
    // Somebody else deleted it.
    if (error instanceof api.ApiError && error.status === 404) return;
    this.showAgain();
    this.notice.show(`“${deleted.title}” could not be deleted and is back in the list: ${api.errorMessage(error)}`);
  }

  /** @param {number} id @param {string} title */
  #showTitle(id, title) {
    this.received = this.received.map((listed) => (listed.id === id ? { ...listed, title } : listed));
    this.showAgain();
    if (this.page.state.conversation?.id === id) this.page.dispatch({ type: 'title', title });
  }
}
