/** The welcome of an empty conversation: example questions, shortcuts, what "read-only" means. Or why there is none. */
import { suggestQuestions } from '../api.js';
import { EXAMPLE_QUESTIONS, connectionEndedText, readOnlyText } from '../text.js';
import { element, setText } from './dom.js';
import { prose } from './prose.js';
import { shortcutList } from './shortcuts.js';

/** Shortcuts that are shown. */
const SHORTCUT_COUNT = 4;

export class WelcomeText extends HTMLElement {
  /** Suggested questions by project, asked for once. @type {Map<string, Promise<string[]>>} */
  #questions = new Map();
  #list = element('ul');
  #examples = element('h2', {}, 'For example');
  #sentence = element('p');
  #tried = element('ul');
  #details = element('details', {}, element('summary', {}, 'What was tried'), this.#tried);
  #readOnly = element('div', { className: 'read-only', hidden: true },
    element('h2', {}, 'What read-only means here'), this.#sentence, this.#details);
  #content = '';
  /** What was tried, as one text. */
  #shown = '';

  /** @param {import('./conversation_view.js').ConversationData} data */
  update({ conversation, project, problem }) {
    const ended = conversation?.connection === 'ended' ? connectionEndedText(conversation.closeCode) : null;
    const isEmpty = conversation !== null && project !== null && conversation.pending.length === 0
      && (conversation.caughtUp || conversation.id === null)
      && conversation.turns.every((turn) => turn.turn === 0);
    const reason = problem ?? ended;
    this.hidden = reason === null && !isEmpty;
    const content = reason ?? (isEmpty ? project.name : '');
    if (isEmpty && reason === null) {
      const readOnly = readOnlyText(conversation.readOnly);
      this.#readOnly.hidden = readOnly === null;
      setText(this.#sentence, readOnly?.sentence ?? '');
      this.#details.hidden = !readOnly?.tried.length;
      const shown = readOnly?.tried.join('\n') ?? '';
      if (this.#shown !== shown) {
        this.#shown = shown;
        this.#tried.replaceChildren(...(readOnly?.tried ?? []).map((way) => element('li', {}, ...prose(way))));
      }
    }
    if (this.#content === content) return;
    this.#content = content;
    if (reason !== null) this.#showReason(reason, project !== null);
    else if (isEmpty) this.#showExamples(project.name);
  }

  /** @param {string} reason @param {boolean} canBegin whether a new conversation helps */
  #showReason(reason, canBegin) {
    this.replaceChildren(element('p', { className: 'ended', role: 'alert' }, ...prose(reason)), ...(canBegin ? [
      element('button', { type: 'button', onclick: () => this.#emit('new-conversation', null) }, 'New conversation'),
    ] : []));
  }

  /** @param {string} project */
  #showExamples(project) {
    this.replaceChildren(this.#examples, this.#list, element('h2', {}, 'Keys'), shortcutList(SHORTCUT_COUNT), this.#readOnly);
    this.#offer([]);
    const questions = this.#questions.get(project)
      ?? suggestQuestions(project).then((told) => told.questions, () => EXAMPLE_QUESTIONS);
    this.#questions.set(project, questions);
    questions.then((known) => { if (this.#content === project) this.#offer(known); });
  }

  /** @param {string[]} questions */
  #offer(questions) {
    this.#examples.hidden = questions.length === 0;
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
