/** What an empty conversation offers below the field: questions that fit the project, its newest notes, and what "read-only" means. */
import { readOnlyText } from '../text.js';
import { dayHeading, shortTime } from '../dates.js';
import { element, setText } from './dom.js';
import { icon } from './icon.js';
import { prose, proseItems } from './prose.js';
import { turnLink } from './turn_link.js';

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
  #notes = element('ul');
  #newest = element('section', { className: 'newest', hidden: true, 'aria-label': 'Newest notes' }, element('h2', {}, 'Notes'), this.#notes);
  /** The questions, the notes and the tried ways that are shown, as texts. */
  #shown = { questions: '', notes: '', tried: '' };

  connectedCallback() {
    if (!this.#list.parentNode) this.append(this.#list, this.#newest, this.#details);
  }

  /**
   * @param {import('../first_screen.js').Introduction} introduction @param {import('../store.js').Conversation | null} conversation
   * @param {string} project
   */
  update({ questions, notes }, conversation, project) {
    this.#showNotes(notes, project);
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
    this.#tried.replaceChildren(...proseItems(readOnly.tried));
  }

  /** @param {import('../notes.js').Note[]} notes @param {string} project */
  #showNotes(notes, project) {
    const key = JSON.stringify([project, notes]);
    if (this.#shown.notes === key) return;
    this.#shown.notes = key;
    this.#newest.hidden = notes.length === 0;
    const now = new Date();
    this.#notes.replaceChildren(...notes.map((note) => {
      const day = dayHeading(note.kept_at, now);
      return element('li', {}, turnLink(project, note, note.question.replace(/\s+/g, ' ').trim()), ' ',
        element('small', {}, day === 'Earlier' ? shortTime(note.kept_at, now) : day));
    }));
  }
}

customElements.define('welcome-text', WelcomeText);
