/** Who may read a conversation, and going on from an answer in a new one. Loaded when it is used. */
import * as api from './api.js';
import { formatAddress } from './address.js';
import { writeClipboard } from './views/dom.js';
import { openShareDialog } from './views/share_dialog.js';
import { snapshotSection } from './views/snapshot_section.js';

export class Sharing {
  /**
   * @param {import('./page.js').Page} page @param {import('./navigation.js').Navigation} navigation
   * @param {import('./views/page_notice.js').PageNotice} notice
   */
  constructor(page, navigation, notice) {
    this.page = page;
    this.navigation = navigation;
    this.notice = notice;
  }

  /** Asks who may read a conversation of the open project. @param {number} id */
  openDialog(id) {
    const { project, conversation, list } = this.page.state;
    if (project === null || !conversation) return;
    const { sharing } = conversation;
    // In the list, only those of this person offer it.
    const shown = conversation.id === id ? (sharing?.may_share ? sharing : null) : list?.find((listed) => listed.id === id) ?? null;
    const dialog = openShareDialog({
      sharing: shown,
      setVisibility: (visibility) => api.callConversation('PUT', project, id, 'visibility', { visibility }),
      copyLink: async () => {
        const { link } = await api.callConversation('PUT', project, id, 'link');
        const address = new URL(`${formatAddress(project, id)}#link=${link}`, location.href).href;
        return { address, isCopied: await writeClipboard(address) };
      },
      withdrawLink: () => api.callConversation('DELETE', project, id, 'link'),
    });
    if (conversation.mayPublish) this.#offerSnapshot(dialog, project, id);
  }

  /** Adds to the dialog how a frozen copy is published. @param {HTMLElement} dialog @param {string} project @param {number} id */
  async #offerSnapshot(dialog, project, id) {
    const call = (/** @type {string} */ method) => api.callConversation(method, project, id, 'snapshot');
    try {
      const published = await call('GET');
      dialog.querySelector('form')?.before(snapshotSection(published, { publish: () => call('PUT'), withdraw: () => call('DELETE') }));
    } catch (error) {
      this.notice.show(api.errorMessage(error));
    }
  }

  /** Goes on from a turn of the open conversation in a new one. @param {number} turn */
  async fork(turn) {
    const { project, conversation } = this.page.state;
    if (project === null || !conversation?.id) return;
    try {
      const { id } = await api.callConversation('POST', project, conversation.id, 'fork', { turn });
      this.navigation.visit(project, id);
      this.page.announce('A new conversation goes on from this answer.');
    } catch (error) {
      this.notice.show(`There is no fork: ${api.errorMessage(error)}`);
    }
  }

  /** Opens the link that the address holds. @param {string} project @param {number} id @param {string} link */
  async openLink(project, id, link) {
    history.replaceState(null, '', formatAddress(project, id));
    try {
      await api.callConversation('POST', project, id, 'guests', { link });
    } catch (error) {
      const isGone = error instanceof api.ApiError && error.status === 404;
      this.notice.show(isGone ? 'This link does not work any more. Ask its owner for another one.' : api.errorMessage(error));
    }
  }
}
