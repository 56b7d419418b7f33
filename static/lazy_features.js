/**
 * Parts that the first view does not need, loaded on the first input: the search, the hint about
 * similar questions, the file reader, menus, sources.
 */
import * as api from './api.js';
import { SimilarQuestionLookup } from './similar_question.js';
import './views/similar_hint.js';
import './views/file_reader.js';
import './views/answer_reactions.js';
import './views/attached_files.js';
import './views/file_finder.js';
import './views/menu.js';
import './views/pane_splitter.js';
import './views/question_card.js';
import './views/sources.js';
import './views/search_dialog.js';

export class LazyFeatures {
  #search = /** @type {import('./views/search_dialog.js').SearchDialog} */ (document.querySelector('search-dialog'));
  #hint = /** @type {import('./views/similar_hint.js').SimilarHint} */ (document.querySelector('similar-hint'));
  #similar = new SimilarQuestionLookup(api.findSimilarQuestions, (asked) => this.#hint.update(this.page.state.project ?? '', asked));

  /** @param {import('./page.js').Page} page */
  constructor(page) {
    this.page = page;
  }

  /** @param {boolean} isCode whether only files and definitions are looked for */
  openSearch(isCode) {
    const { project, list } = this.page.state;
    if (project !== null) this.#search.open(project, list ?? [], isCode);
  }

  draftChanged() {
    const { project, conversation } = this.page.state;
    this.#similar.draftChanged(this.page.composer.text, project === null || !conversation ? null
      : { project, conversation: conversation.id, last: conversation.turns.at(-1)?.turn ?? 0 });
  }
}
