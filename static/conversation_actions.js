/** What is done with a whole conversation: renamed, deleted and brought back, linked to. */
import * as api from './api.js';
import { formatAddress } from './address.js';
import { DelayedDeletion } from './delayed_deletion.js';

/** @typedef {{id: number, title: string}} Named a conversation of the open project */

export class ConversationActions {
  deletion = new DelayedDeletion({
    send: ({ project, id }, leaving) => api.deleteConversation(project, id, leaving),
    settled: () => this.notice.hideOffer(),
    failed: (removed, error) => this.#stayed(removed, error),
  });

  /** What the server has, as far as it is known. @type {{project: string | null, list: api.ConversationSummary[]}} */
  #known = { project: null, list: [] };

  /**
   * @param {import('./page.js').Page} page @param {import('./navigation.js').Navigation} navigation
   * @param {import('./views/page_notice.js').PageNotice} notice
   */
  constructor(page, navigation, notice) {
    this.page = page;
    this.navigation = navigation;
    this.notice = notice;
    addEventListener('pagehide', () => this.deletion.settle(true));
  }

  /** Shows the open project's list but for what was deleted. @param {api.ConversationSummary[]} list as the server has it */
  show(list) {
    this.#known = { project: this.page.state.project, list };
    this.#showAgain();
  }

  #showAgain() {
    const { project, list } = this.#known;
    if (project === null || project !== this.page.state.project) return;
    this.page.setState({ list: list.filter((listed) => !this.deletion.has(project, listed.id)) });
  }

  /** @param {Named} named with the new title */
  async rename({ id, title }) {
    const { project, list } = this.page.state;
    if (project === null) return;
    const before = list?.find((listed) => listed.id === id)?.title ?? this.page.state.conversation?.title ?? '';
    this.#showTitle(id, title);
    try {
      this.#showTitle(id, (await api.renameConversation(project, id, title)).title ?? title);
    } catch (error) {
      this.#showTitle(id, before);
      this.notice.show(`The title stays as it was: ${api.errorMessage(error)}`);
    }
  }

  /** @param {Named & {byKey: boolean}} named */
  remove({ id, title, byKey }) {
    const { project, conversation } = this.page.state;
    if (project === null) return;
    const wasOpen = conversation?.id === id;
    this.deletion.remove({ project, id, title, wasOpen });
    this.#showAgain();
    if (wasOpen) this.navigation.visit(project, null);
    this.notice.offer(`Deleted “${title}”.`, {
      label: 'Undo', act: () => this.#undo(), hold: () => this.deletion.hold(), release: () => this.deletion.release(), focus: byKey,
    });
  }

  /** Whoever goes to a conversation that is about to be deleted wants it back. */
  visited() {
    const { project, conversation } = this.page.state;
    if (project === null || !conversation?.id || !this.deletion.isWaiting(project, conversation.id)) return;
    this.deletion.undo();
    this.notice.hideOffer();
    this.#showAgain();
  }

  /** Copies the address of a turn of the open conversation, or of a conversation. @param {{turn?: number, id?: number}} what */
  async copyLink({ turn, id }) {
    const { project, conversation } = this.page.state;
    const address = formatAddress(project, id ?? conversation?.id ?? null, turn ?? null);
    try {
      await navigator.clipboard.writeText(new URL(address, location.href).href);
      this.notice.show('The link is copied.');
    } catch {
      // A page that came without TLS from another machine has no clipboard.
      if (conversation?.id === (id ?? conversation?.id)) history.replaceState(null, '', address);
      this.notice.show(`This browser lets nothing be copied here. The link: ${new URL(address, location.href).href}`);
    }
  }

  #undo() {
    const back = this.deletion.undo();
    this.notice.hideOffer();
    if (!back) return;
    const { project, conversation } = this.page.state;
    const isEmpty = conversation?.turns.every((turn) => turn.turn === 0) && conversation.pending.length === 0;
    if (back.wasOpen && project === back.project && this.page.isNew && isEmpty) {
      this.navigation.visit(back.project, back.id, true);
    } else this.#showAgain();
  }

  /** @param {import('./delayed_deletion.js').PendingDeletion} removed @param {unknown} error */
  #stayed(removed, error) {
    // Somebody else has deleted it.
    if (error instanceof api.ApiError && error.status === 404) return;
    this.#showAgain();
    this.notice.show(`“${removed.title}” could not be deleted and is back in the list: ${api.errorMessage(error)}`);
  }

  /** @param {number} id @param {string} title */
  #showTitle(id, title) {
    this.#known.list = this.#known.list.map((listed) => (listed.id === id ? { ...listed, title } : listed));
    this.#showAgain();
    if (this.page.state.conversation?.id === id) this.page.dispatch({ type: 'title', title });
  }
}
