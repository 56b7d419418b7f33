/** The file that is read beside the conversation: opened by a reference, walked from one to the next, kept in the address. */
import { formatReference, parseReference, citedReferences } from './reference.js';
import { fileAddress } from './views/references.js';
import { loadFailureText } from './text.js';

export class FileNavigation {
  /** Which of the conversation's citedReferences is open, as it is written, and in which turn. @type {{turn: number, text: string} | null} */
  #at = null;
  /** What is shown. @type {{project: string, text: string} | null} */
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

  /** Opens a file. @param {{place: import('./reference.js').Reference, turn?: number}} wanted */
  open({ place, turn }) {
    const text = formatReference(place);
    this.#at = turn === undefined ? null : { turn, text };
    const url = fileAddress(text) + location.hash;
    // Back closes the file, however many were looked at.
    if (this.reader.isOpen) history.replaceState(history.state, '', url);
    else history.pushState({ opened: true }, '', url);
    this.#show(place);
  }

  /** Opens the first file that a turn leads to. @param {number} turn */
  openFirst(turn) {
    const first = citedReferences(this.page.state.conversation).find((one) => one.turn === turn);
    if (first) this.open(first);
  }

  /** Opens the next (1) or previous (-1) file that the answers lead to. @param {1 | -1} direction */
  walk(direction) {
    const all = citedReferences(this.page.state.conversation);
    if (all.length === 0) return;
    const at = this.#indexIn(all);
    const next = at < 0 ? (direction > 0 ? 0 : all.length - 1) : at + direction;
    if (all[next]) this.open(all[next]);
  }

  /** Whether there was something to close. */
  close() {
    if (!this.reader.isOpen) return false;
    if (history.state?.opened) history.back();
    else {
      history.replaceState(null, '', location.pathname + location.hash);
      this.followAddress();
    }
    return true;
  }

  /** Another conversation was opened: its project's file stays, and in the address. */
  visited() {
    if (!this.reader.isOpen || !this.#shown) return;
    if (this.#shown.project !== this.page.state.project) {
      this.#at = null;
      this.reader.close();
      return;
    }
    history.replaceState(history.state, '', fileAddress(this.#shown.text) + location.hash);
  }

  /** Shows the file that the address names, or none. */
  followAddress() {
    const place = parseReference(new URLSearchParams(location.search).get('file'));
    if (place) this.#show(place);
    else if (this.reader.isOpen) {
      this.#at = null;
      this.reader.close();
    }
  }

  /** How far the walk has got, for the reader's buttons. */
  update() {
    if (!this.reader.isOpen) return;
    const all = citedReferences(this.page.state.conversation);
    this.reader.showWalk(this.#indexIn(all), all.length);
  }

  /** Where the walk stands, below 0 nowhere. @param {ReturnType<typeof citedReferences>} all */
  #indexIn(all) {
    return all.findIndex(({ turn, place }) => (
      turn === this.#at?.turn && formatReference(place) === this.#at.text));
  }

  /** @param {import('./reference.js').Reference} place */
  async #show(place) {
    try {
      // Whoever has not moved yet has not loaded how files are read.
      await import('./views/file_reader.js');
    } catch {
      this.notice.show(loadFailureText('The reader of files'));
      return;
    }
    const { project } = this.page.state;
    if (project === null) return;
    this.#shown = { project, text: formatReference(place) };
    this.reader.show(project, place);
    this.update();
  }
}
