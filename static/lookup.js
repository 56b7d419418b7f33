/**
 * What a first look at the page does without, and is fetched as soon as somebody moves: the search,
 * the hint that a question was asked before, and the reader of files.
 */
import * as api from './api.js';
import { Before } from './before.js';
import './views/before.js';
import './views/reader.js';
import './views/search.js';

export class Lookup {
  #search = /** @type {import('./views/search.js').SearchDialog} */ (document.querySelector('search-dialog'));
  #hint = /** @type {import('./views/before.js').AskedBefore} */ (document.querySelector('asked-before'));
  #before = new Before(api.askedBefore, (asked) => this.#hint.update(this.page.state.project ?? '', asked));

  /** @param {import('./page.js').Page} page */
  constructor(page) {
    this.page = page;
  }

  openSearch() {
    const { project, list } = this.page.state;
    if (project !== null) this.#search.open(project, list ?? []);
  }

  /** The question that is being typed has changed. */
  typed() {
    const { project, conversation } = this.page.state;
    this.#before.typed(this.page.composer.text, project === null || !conversation ? null
      : { project, conversation: conversation.id, last: conversation.turns.at(-1)?.turn ?? 0 });
  }
}
