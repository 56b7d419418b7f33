/** What an empty conversation offers below the field: questions that fit the project, and what "read-only" means. */
import { readOnlyText } from '../text.js';
import { element, setText } from './dom.js';
import { icon } from './icon.js';
import { prose } from './prose.js';

/** What suggested questions are about, by their words; the first that fits. @type {[RegExp, import('./icon.js').IconName][]} */
const ICONS = [
  [/laid out|overview/i, 'map'], [/built|tested|installed/i, 'build'], [/start/i, 'play'], [/parts|together|work/i, 'flow'], [/`/, 'code'],
];

export class WelcomeText extends HTMLElement {
  #list = element('ul', { className: 'cards' });
  #shield = icon('shield');
  #sentence = element('span');
  #tried = element('ul');
  #details = element('details', { className: 'read-only', hidden: true }, element('summary', {}, this.#shield, this.#sentence), this.#tried);
  /** The questions and the tried ways that are shown, as texts. */
  #shown = { questions: '', tried: '' };

  connectedCallback() {
    if (!this.#list.parentNode) this.append(this.#list, this.#details);
  }

  /** @param {string[]} questions @param {import('../store.js').Conversation | null} conversation */
  update(questions, conversation) {
    if (this.#shown.questions !== questions.join('\n')) {
      this.#shown.questions = questions.join('\n');
      this.#list.replaceChildren(...questions.map((question) => element('li', {}, element('button', {
        type: 'button', onclick: () => this.dispatchEvent(new CustomEvent('ask', { detail: question, bubbles: true })),
      }, icon(ICONS.find(([words]) => words.test(question))?.[1] ?? 'question'), element('span', { className: 'word' }, ...prose(question))))));
    }
    const readOnly = readOnlyText(conversation?.readOnly ?? null);
    this.#details.hidden = readOnly === null;
    if (readOnly === null) return;
    setText(this.#sentence, readOnly.short ?? readOnly.sentence);
    this.#details.classList.toggle('warns', !readOnly.isGood);
    const tried = readOnly.tried.join('\n');
    if (this.#shown.tried === tried) return;
    this.#shown.tried = tried;
    this.#tried.replaceChildren(...readOnly.tried.map((way) => element('li', {}, ...prose(way))));
  }
}

customElements.define('welcome-text', WelcomeText);
