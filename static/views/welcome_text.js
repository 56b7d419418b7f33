/** What stands where no answer is yet: what can be asked, the keys, what "read-only" means; or why there is nothing. */
import { fittingQuestions } from '../api.js';
import { EXAMPLE_QUESTIONS, connectionEndedText, readOnlyText } from '../text.js';
import { element, setText } from './dom.js';
import { shortcutList } from './shortcuts.js';

/** Keys that the empty page teaches. */
const KEYS = 4;

export class WelcomeText extends HTMLElement {
  /** The questions of each project, once they were asked for. @type {Map<string, string[]>} */
  #questions = new Map();
  #list = element('ul');
  #sentence = element('p');
  #tried = element('p');
  #details = element('details', {}, element('summary', {}, 'What was tried'), this.#tried);
  #readOnly = element('div', { className: 'read-only', hidden: true },
    element('h2', {}, 'What read-only means here'), this.#sentence, this.#details);
  #content = '';

  /** @param {import('./conversation_view.js').ConversationData} data */
  update({ conversation, project, problem }) {
    const ended = conversation?.connection === 'ended' ? connectionEndedText(conversation.closeCode) : null;
    const isEmpty = conversation !== null && project !== null && conversation.pending.length === 0
      && (conversation.caughtUp || conversation.id === null)
      && conversation.turns.every((turn) => turn.turn === 0);
    const words = problem ?? ended;
    this.hidden = words === null && !isEmpty;
    const content = words ?? (isEmpty ? project.name : '');
    if (isEmpty && words === null) {
      const said = readOnlyText(conversation.readOnly);
      this.#readOnly.hidden = said === null;
      setText(this.#sentence, said?.sentence ?? '');
      this.#details.hidden = !said?.tried.length;
      setText(this.#tried, said?.tried.join(', ') ?? '');
    }
    if (this.#content === content) return;
    this.#content = content;
    if (words !== null) this.#showReason(words, project !== null);
    else if (isEmpty) this.#teach(project.name);
  }

  /** @param {string} words @param {boolean} canBegin */
  #showReason(words, canBegin) {
    this.replaceChildren(element('p', { className: 'ended', role: 'alert' }, words), ...(canBegin ? [
      element('button', { type: 'button', onclick: () => this.#emit('new-conversation', null) }, 'New conversation'),
    ] : []));
  }

  /** @param {string} project */
  #teach(project) {
    this.replaceChildren(element('h2', {}, 'For example'), this.#list, element('h2', {}, 'Keys'), shortcutList(KEYS), this.#readOnly);
    const known = this.#questions.get(project);
    this.#offer(known ?? []);
    if (known) return;
    const offer = (/** @type {string[]} */ questions) => {
      this.#questions.set(project, questions);
      if (this.#content === project) this.#offer(questions);
    };
    fittingQuestions(project).then(({ questions }) => offer(questions), () => offer(EXAMPLE_QUESTIONS));
  }

  /** @param {string[]} questions */
  #offer(questions) {
    this.#list.replaceChildren(...questions.map((question) => element('li', {}, element('button', {
      type: 'button', onclick: () => this.#emit('ask', question),
    }, question))));
  }

  /** @param {string} name @param {unknown} detail */
  #emit(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail, bubbles: true }));
  }
}

customElements.define('welcome-text', WelcomeText);
