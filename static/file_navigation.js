/** The file beside the conversation: opens it, steps from one citation to the next, keeps it in the address. */
import { compareReferences } from './api.js';
import { citedReference, formatReference, citedReferences } from './reference.js';
import { fileAddress, readReference } from './views/references.js';
import { loadFailureText } from './text.js';

export class FileNavigation {
  /** The citation that is open, as it is written, and its turn. @type {{turn: number, text: string} | null} */
  #at = null;
  /** What is shown. @type {{project: string, reference: import('./reference.js').Reference} | null} */
  #shown = null;
  reader = /** @type {import('./views/file_reader.js').FileReader} */ (document.querySelector('file-reader'));

  /**
   * @param {import('./page.js').Page} page
   * @param {import('./views/page_notice.js').PageNotice} notice
   */
  constructor(page, notice) {
    this.page = page;
    this.notice = notice;
  }

  /**
   * Opens a file.
   * @param {{reference: import('./reference.js').Reference, turn?: number, marks?: import('./views/file_reader.js').Marks}} file
   */
  open({ reference, turn, marks }) {
    const text = formatReference(reference);
    this.#at = turn === undefined ? null : { turn, text };
    const url = fileAddress(reference) + location.hash;
    // Back closes the file, however many were opened.
    if (this.reader.isOpen) history.replaceState(history.state, '', url);
    else history.pushState({ opened: true }, '', url);
    this.#show(reference, marks);
    if (turn !== undefined && !reference.commit) this.#tellStanding(turn, text);
  }

  /** Tells in the file what has become of a cited place. @param {number} turn @param {string} text of the reference */
  async #tellStanding(turn, text) {
    const isEnded = this.page.state.conversation?.turns.find((one) => one.turn === turn)?.end;
    if (!isEnded) return;
    const standing = await import('./standing.js').catch(() => null);
    const all = standing ? await this.compare(turn).catch(() => []) : [];
    const cited = all.find((citation) => formatReference(citedReference(citation)) === text);
    // The reader is loaded with its first file.
    await customElements.whenDefined('file-reader');
    if (standing && cited && this.#at?.turn === turn && this.#at.text === text) {
      this.reader.showStanding(standing.standingSentence(cited), standing.movedTo(cited), cited.anchor?.commit, standing.standingWord(cited));
    }
  }

  /** What has become of the references of an answer. @param {number} turn @returns {Promise<import('./standing.js').ComparedCitation[]>} */
  async compare(turn) {
    const { project, conversation } = this.page.state;
    if (project === null || !conversation?.id) return [];
    return (await compareReferences(project, conversation.id, turn)).references;
  }

  /** Opens the first file that a turn cites. @param {number} turn */
  openFirst(turn) {
    const first = citedReferences(this.page.state.conversation).find((one) => one.turn === turn);
    if (first) this.open(first);
  }

  /** Opens the next (1) or previous (-1) citation. @param {1 | -1} direction */
  walk(direction) {
    const all = citedReferences(this.page.state.conversation);
    if (all.length === 0) return;
    const at = this.#indexIn(all);
    const next = at < 0 ? (direction > 0 ? 0 : all.length - 1) : at + direction;
    if (all[next]) this.open(all[next]);
  }

  /** Returns whether a file was open. */
  close() {
    if (!this.reader.isOpen) return false;
    if (history.state?.opened) history.back();
    else {
      history.replaceState(null, '', location.pathname + location.hash);
      this.followAddress();
    }
    return true;
  }

  /** Another conversation was opened: a file of the same project stays open. */
  visited() {
    if (!this.reader.isOpen || !this.#shown) return;
    if (this.#shown.project !== this.page.state.project) {
      this.#at = null;
      this.reader.close();
      return;
    }
    history.replaceState(history.state, '', fileAddress(this.#shown.reference) + location.hash);
  }

  /** Shows the file that the address names, or none. */
  followAddress() {
    const query = new URLSearchParams(location.search);
    const reference = readReference(query.get('file'), query.get('commit'));
    if (reference) this.#show(reference);
    else if (this.reader.isOpen) {
      this.#at = null;
      this.reader.close();
    }
  }

  /** Shows the position among the citations. */
  update() {
    if (!this.reader.isOpen) return;
    const all = citedReferences(this.page.state.conversation);
    this.reader.showCitationPosition(this.#indexIn(all), all.length);
  }

  /** The index of the open citation, -1 if there is none. @param {ReturnType<typeof citedReferences>} all */
  #indexIn(all) {
    return all.findIndex(({ turn, reference }) => (
      turn === this.#at?.turn && formatReference(reference) === this.#at.text));
  }

  /** @param {import('./reference.js').Reference} reference @param {import('./views/file_reader.js').Marks} [marks] */
  async #show(reference, marks) {
    try {
      // It may not be loaded yet, see `lazy_features.js`.
      await import('./views/file_reader.js');
    } catch {
      this.notice.show(loadFailureText('The file viewer'));
      return;
    }
    const { project } = this.page.state;
    if (project === null) return;
    this.#shown = { project, reference };
    this.reader.show(project, reference, marks);
    this.update();
  }
}
