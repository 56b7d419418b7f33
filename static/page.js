/**
 * What the parts of the page share: the state, the elements that show it, and one drawing of it at
 * most once a frame. Knows neither the server nor the keys.
 */
import { Announcer } from './announcing.js';
import { reduce } from './store.js';
import { heard } from './views/heard.js';

/** What was said this many times before is no longer there to be read again. */
const SAID_KEPT = 8;

/**
 * @typedef {object} State
 * @property {import('./api.js').Project[] | null} projects `null` while they are not known
 * @property {string | null} project
 * @property {import('./api.js').Listed[] | null} list
 * @property {string | null} user who looks, where the server knows
 * @property {string | null} problem why there is no conversation
 * @property {import('./store.js').Conversation | null} conversation
 */

export class Page {
  /** @type {State} */
  state = { projects: null, project: null, list: null, user: null, problem: null, conversation: null };
  /** @type {import('./socket.js').Connection | null} */
  connection = null;
  /** Whether the open conversation began on this page. */
  isNew = false;
  #isDrawing = false;
  rail = /** @type {import('./views/rail.js').ProjectRail} */ (document.querySelector('project-rail'));
  view = /** @type {import('./views/conversation.js').ConversationView} */ (document.querySelector('conversation-view'));
  composer = /** @type {import('./views/composer.js').QuestionComposer} */ (document.querySelector('question-composer'));
  main = /** @type {HTMLElement} */ (document.querySelector('main'));
  #announcer = new Announcer(heard);
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
    if (conversation === before) return;
    this.change({ conversation });
    for (const text of this.#announcer.next(before, conversation)) this.say(text);
  }

  /** Who draws what is not of the conversation. */
  onDrawn = () => {};

  /** Draws at most once a frame. */
  draw() {
    if (this.#isDrawing) return;
    this.#isDrawing = true;
    requestAnimationFrame(() => {
      this.#isDrawing = false;
      const { projects, project, list, user, problem, conversation } = this.state;
      this.rail.update({ projects, project, list, conversation: conversation?.id ?? null });
      this.view.update({ conversation, project: this.project, user, problem });
      this.composer.update({ conversation, project: this.project, user });
      this.onDrawn();
    });
  }

  /** Says something to who cannot see it. @param {string} text */
  say(text) {
    // Each is read by itself: what is said does not take the place of what is not read yet.
    const said = document.createElement('p');
    said.textContent = text;
    this.#announcements.append(said);
    while (this.#announcements.children.length > SAID_KEPT) this.#announcements.firstElementChild?.remove();
  }
}

export { words } from './api.js';
