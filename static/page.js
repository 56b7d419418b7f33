/**
 * What the parts of the page share: the state, the elements that show it, and one drawing of it at
 * most once a frame. Knows neither the server nor the keys.
 */
import { reduce } from './store.js';

/**
 * @typedef {object} State
 * @property {import('./api.js').Project[] | null} projects `null` while they are not known
 * @property {string | null} project
 * @property {import('./api.js').Listed[] | null} list
 * @property {string | null} problem why there is no conversation
 * @property {import('./store.js').Conversation | null} conversation
 */

export class Page {
  /** @type {State} */
  state = { projects: null, project: null, list: null, problem: null, conversation: null };
  /** @type {import('./socket.js').Connection | null} */
  connection = null;
  /** Whether the open conversation began on this page. */
  isNew = false;
  #isDrawing = false;
  rail = /** @type {import('./views/rail.js').ProjectRail} */ (document.querySelector('project-rail'));
  view = /** @type {import('./views/conversation.js').ConversationView} */ (document.querySelector('conversation-view'));
  composer = /** @type {import('./views/composer.js').QuestionComposer} */ (document.querySelector('question-composer'));
  main = /** @type {HTMLElement} */ (document.querySelector('main'));
  #announcements = /** @type {HTMLElement} */ (document.querySelector('#announcements'));

  get project() {
    return this.state.projects?.find((project) => project.name === this.state.project) ?? null;
  }

  /** @param {Partial<State>} changes */
  change(changes) {
    this.state = { ...this.state, ...changes };
    this.draw();
  }

  /** What happened to the open conversation. @param {import('./store.js').LocalEvent | import('./protocol.js').ServerFrame} event */
  dispatch(event) {
    const before = this.state.conversation;
    if (!before) return;
    const conversation = reduce(before, event);
    if (conversation !== before) this.change({ conversation });
  }

  /** Who draws what is not of the conversation. */
  onDrawn = () => {};

  /** Draws at most once a frame. */
  draw() {
    if (this.#isDrawing) return;
    this.#isDrawing = true;
    requestAnimationFrame(() => {
      this.#isDrawing = false;
      const { projects, project, list, problem, conversation } = this.state;
      this.rail.update({ projects, project, list, conversation: conversation?.id ?? null });
      this.view.update({ conversation, project: this.project, problem });
      this.composer.update(conversation, this.project?.path ?? '');
      this.onDrawn();
    });
  }

  /** Says something to who cannot see it. @param {string} text */
  say(text) {
    this.#announcements.textContent = text;
  }
}

export { words } from './api.js';
