/** The page's state and the elements that show it, rendered at most once a frame. */
import { unsentAgent } from './agents.js';
import { Announcer } from './announcer.js';
import { Introductions, isFirst } from './first_screen.js';
import { reduce } from './store.js';
import { spokenText } from './views/spoken_text.js';

/** Announcements that stay in the document, where screen readers can review them. */
const MAX_ANNOUNCEMENTS = 8;

/**
 * @typedef {object} State
 * @property {import('./api.js').Project[] | null} projects `null` while they are not known
 * @property {string | null} project
 * @property {import('./live_list.js').ListedConversation[] | null} list
 * @property {string | null} user name of the person, if the server knows it
 * @property {string | null} problem why there is no conversation
 * @property {import('./store.js').Conversation | null} conversation
 */

export class Page {
  /** @type {State} */
  state = { projects: null, project: null, list: null, user: null, problem: null, conversation: null };
  /** @type {import('./connection.js').Connection | null} */
  connection = null;
  /** Whether the open conversation began on this page. */
  isNew = false;
  #isRenderRequested = false;
  #isFirst = false;
  sidebar = /** @type {import('./views/page_sidebar.js').PageSidebar} */ (document.querySelector('page-sidebar'));
  view = /** @type {import('./views/conversation_view.js').ConversationView} */ (document.querySelector('conversation-view'));
  composer = /** @type {import('./views/question_composer.js').QuestionComposer} */ (document.querySelector('question-composer'));
  welcome = /** @type {import('./views/welcome_text.js').WelcomeText} */ (document.querySelector('welcome-text'));
  #introductions = new Introductions(() => this.requestRender());
  main = /** @type {HTMLElement} */ (document.querySelector('main'));
  #announcer = new Announcer(spokenText);
  #announcements = /** @type {HTMLElement} */ (document.querySelector('#announcements'));

  get project() {
    return this.state.projects?.find((project) => project.name === this.state.project) ?? null;
  }

  /** What the person entered and did not send. @returns {import('./drafts.js').SavedInput | null} */
  get unsent() {
    const { typed } = this.composer;
    const { conversation } = this.state;
    // With a question that is on its way, the choice is as well.
    const agent = conversation?.pending.length === 0 ? unsentAgent(conversation) : undefined;
    if (agent === undefined) return typed;
    return { ...(typed ?? { draft: '', edit: null, at: Date.now() }), agent };
  }

  /** @param {Partial<State>} changes */
  setState(changes) {
    this.state = { ...this.state, ...changes };
    this.requestRender();
  }

  /** Applies an event to the open conversation. @param {import('./store.js').LocalEvent | import('./protocol.js').ServerFrame} event */
  dispatch(event) {
    const before = this.state.conversation;
    if (!before) return;
    const conversation = reduce(before, event);
    if (conversation === before) return;
    this.setState({ conversation });
    if (event.type === 'reactions') this.#introductions.notesChanged(this.state.project ?? '');
    for (const text of this.#announcer.next(before, conversation)) this.announce(text);
  }

  /** Called whenever the page is rendered. */
  onRender = () => {};

  /** Renders the state in the next frame. */
  requestRender() {
    if (this.#isRenderRequested) return;
    this.#isRenderRequested = true;
    requestAnimationFrame(() => {
      this.#isRenderRequested = false;
      const { projects, project, list, user, problem, conversation } = this.state;
      this.sidebar.update({ projects, project, list, user, conversation: conversation?.id ?? null });
      const introduction = isFirst(this.state) ? this.#introductions.of(project ?? '') : null;
      // The field has its height before the conversation is shown above it.
      if (this.main.toggleAttribute('data-first', introduction !== null) !== this.#isFirst) {
        this.#isFirst = !this.#isFirst;
        this.composer.fit();
      }
      this.welcome.hidden = introduction === null;
      if (introduction) this.welcome.update(introduction, conversation, project ?? '');
      this.view.update({ conversation, project: this.project, user, problem, about: introduction?.about ?? null, checkout: introduction?.checkout ?? '' });
      this.composer.update({ conversation, project: this.project, user });
      this.onRender();
    });
  }

  /** Has screen readers say a text. @param {string} text @param {string} [over] what was said before and holds no more */
  announce(text, over) {
    for (const said of [...this.#announcements.children]) {
      if (said.textContent === over) said.remove();
    }
    // Each text has its own element, so that it does not replace one that is not read yet.
    const paragraph = document.createElement('p');
    paragraph.textContent = text;
    this.#announcements.append(paragraph);
    while (this.#announcements.children.length > MAX_ANNOUNCEMENTS) this.#announcements.firstElementChild?.remove();
  }
}
