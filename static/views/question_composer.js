/** Where a question is written, with the status line above it. Text leaves it only by being sent. */
import { InputHistory, historyEntries } from '../input_history.js';
import { ThrottledValue } from '../throttle.js';
import { unfinishedTurns } from '../store.js';
import { tooLongText, statusLine } from '../text.js';
import { element, setText } from './dom.js';
import './file_finder.js';

const TALLEST = 240;
/** Longer text is as high as it can be, without being measured. */
const SURELY_TALL = 4000;

/**
 * @typedef {object} ComposerData
 * @property {import('../store.js').Conversation | null} conversation
 * @property {import('../api.js').Project | null} project
 * @property {string | null} user who asks, where the server knows
 * @typedef {ReturnType<typeof statusLine>} Status
 */

export class QuestionComposer extends HTMLElement {
  /** @type {ComposerData} */
  #shown = { conversation: null, project: null, user: null };
  #history = new InputHistory();
  /** What this browser asked before, when somebody wants to know. @type {() => string[]} */
  asked = () => [];
  #status = element('p', { className: 'status' });
  #retry = element('button', { type: 'button', className: 'quiet', hidden: true, onclick: () => this.#emit('retry-connection') }, 'Try now');
  #line = element('div', { className: 'line' }, this.#status, this.#retry);
  #throttledStatus = new ThrottledValue((/** @type {Status} */ said) => this.#showStatus(said), isSameStatus);
  #notice = element('p', { className: 'error', role: 'alert', hidden: true });
  #tooLong = element('p', { id: 'too-long', className: 'error', role: 'status', hidden: true });
  #editing = element('p', { className: 'editing', hidden: true },
    element('span', {}, 'Edits an earlier question; the old answer stays.'),
    element('button', { type: 'button', className: 'quiet', onclick: () => this.leaveEdit() }, 'Leave it'));
  #finder = /** @type {import('./file_finder.js').FileFinder} */ (document.createElement('file-finder'));
  #field = element('textarea', {
    id: 'question', rows: 1, 'aria-label': 'Your question', placeholder: 'Ask about this project', enterKeyHint: 'send',
    oninput: (/** @type {InputEvent} */ event) => this.#typed(event), onkeydown: (/** @type {KeyboardEvent} */ event) => this.#key(event),
    oncompositionend: () => this.#finder.look(),
  });
  #send = element('button', { className: 'send' }, 'Ask');
  #stop = element('button', { type: 'button', hidden: true, onclick: () => this.#emit('stop') }, 'Stop');
  #hint = element('small', { className: 'hint' }, 'Enter asks, Shift Enter makes a new line, @ finds a file. The guide only reads.');

  connectedCallback() {
    if (this.#line.parentNode) return;
    this.append(
      this.#line, this.#notice, this.#tooLong, this.#editing,
      element('form', {
        onsubmit: (/** @type {SubmitEvent} */ event) => {
          event.preventDefault();
          this.#submit();
        },
      }, this.#finder, this.#field, this.#stop, this.#send),
      this.#hint,
    );
    this.#finder.attach(this.#field);
    this.#finder.onTaken = () => this.#changed();
    this.update(this.#shown);
    addEventListener('resize', () => this.#fit());
  }

  /** @param {ComposerData} data */
  update(data) {
    const isOther = data.conversation?.id !== this.#shown.conversation?.id && this.#shown.conversation?.id !== null;
    this.#shown = data;
    const { conversation, project } = data;
    const hadFocus = this.contains(document.activeElement);
    const said = conversation ? statusLine(conversation, project?.path ?? '') : { text: '', urgent: false, retry: false };
    if (isOther) this.#throttledStatus.reset({ ...said, text: '' });
    this.#throttledStatus.set(said);
    setText(this.#notice, conversation?.notice ?? '');
    this.#notice.hidden = !conversation?.notice;
    this.#stop.hidden = !this.canStop;
    this.#stop.disabled = conversation?.state === 'stopping';
    this.#field.disabled = conversation === null || conversation.connection === 'ended';
    this.#finder.project = project?.name ?? '';
    this.#judge();
    const focused = /** @type {any} */ (document.activeElement);
    if (hadFocus && (focused === document.body || focused?.hidden || focused?.disabled)) this.focus();
  }

  get canStop() {
    const { conversation } = this.#shown;
    return conversation !== null && conversation.connection === 'open' && unfinishedTurns(conversation).length > 0;
  }

  get text() {
    return this.#field.value;
  }

  /** What is to be kept of what was typed. @returns {import('../drafts.js').SavedInput | null} */
  get typed() {
    const draft = this.#history.draft(this.text);
    const { current } = this.#history;
    const edit = current && (this.text !== current.text || !this.#editing.hidden) ? { ...current, text: this.text } : null;
    return draft || edit ? { draft, edit, at: Date.now() } : null;
  }

  /** Shows what was kept. @param {import('../drafts.js').SavedInput | null} typed */
  restore(typed) {
    this.#history.leave();
    if (typed?.edit) this.#history.edit(typed.draft, typed.edit);
    this.#write(typed?.edit?.text ?? typed?.draft ?? '');
  }

  /** Takes text back that was not sent after all, before what was typed since. @param {string} text */
  giveBack(text) {
    if (this.text !== text) this.leaveEdit();
    this.#write([text, this.text].filter((one, index, all) => one && all.indexOf(one) === index).join('\n\n'));
  }

  /** Puts an earlier question into the field, to be asked anew with changes. @param {import('../input_history.js').HistoryEntry} question */
  edit(question) {
    this.#history.edit(this.text, question);
    this.#write(question.text);
    this.focus();
  }

  /** Brings back what was typed before an earlier question. Says whether there was one. */
  leaveEdit() {
    if (!this.#history.isBrowsing) return false;
    this.#write(this.#history.leave());
    this.focus();
    return true;
  }

  focus() {
    this.#field.focus({ preventScroll: true });
  }

  /** Puts text into the field, as if it had been typed. @param {string} text */
  #write(text) {
    this.#field.value = text;
    this.#field.setSelectionRange(text.length, text.length);
    this.#finder.close();
    this.#changed();
  }

  /** @param {InputEvent} event */
  #typed(event) {
    this.#changed();
    // What an input method is still composing is no name of a file yet.
    if (!event.isComposing) this.#finder.look();
  }

  #changed() {
    this.#fit();
    this.#judge();
    this.#editing.hidden = this.#history.current === null || this.#history.current.turn === null;
    this.dispatchEvent(new CustomEvent('draft', { bubbles: true }));
  }

  /** Whether the text can be sent, and why not. */
  #judge() {
    const words = tooLongText(this.text, this.#shown.conversation?.messageBytes ?? 0);
    setText(this.#tooLong, words);
    this.#tooLong.hidden = words === '';
    if (words) this.#field.setAttribute('aria-describedby', this.#tooLong.id);
    else this.#field.removeAttribute('aria-describedby');
    this.#send.disabled = this.#field.disabled || words !== '' || !/\S/.test(this.text);
  }

  /** As high as its text, up to a point. */
  #fit() {
    const isLong = this.text.length > SURELY_TALL;
    this.#field.spellcheck = !isLong;
    if (isLong) {
      this.#field.style.height = `${TALLEST}px`;
      return;
    }
    this.#field.style.height = 'auto';
    const border = this.#field.offsetHeight - this.#field.clientHeight;
    this.#field.style.height = `${Math.min(this.#field.scrollHeight + border, TALLEST)}px`;
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    // Enter that ends an input method's composition is not for us; Safari only tells by 229.
    if (event.isComposing || event.keyCode === 229) return;
    const isPlain = !event.shiftKey && !event.altKey && !event.ctrlKey && !event.metaKey;
    if (this.#finder.key(event)) event.preventDefault();
    else if (event.key === 'Enter' && isPlain) {
      event.preventDefault();
      this.#submit();
    } else if (event.key === 'Escape' && this.leaveEdit()) event.preventDefault();
    else if (event.key === 'ArrowUp' && isPlain && this.#isAtHistoryEdge(0)) this.#walk(event, this.#back());
    else if (event.key === 'ArrowDown' && isPlain && this.#history.isBrowsing && this.#isAtHistoryEdge(this.text.length)) {
      this.#walk(event, this.#history.forward());
    }
  }

  /** Whether an arrow goes through questions and not through lines of text. @param {number} edge of the text */
  #isAtHistoryEdge(edge) {
    const { selectionStart, selectionEnd } = this.#field;
    if (selectionStart !== selectionEnd) return false;
    const { current } = this.#history;
    if (current) return this.text === current.text && [edge, this.text.length].includes(selectionStart);
    return selectionStart === edge;
  }

  #back() {
    const turns = this.#shown.conversation?.turns ?? [];
    return this.#history.back(this.text, () => historyEntries(this.asked(), turns, this.#shown.user));
  }

  /** @param {KeyboardEvent} event @param {string | null} text */
  #walk(event, text) {
    if (text === null) return;
    event.preventDefault();
    this.#write(text);
  }

  #submit() {
    const text = this.text.trim();
    if (this.#send.disabled || !text) return;
    this.dispatchEvent(new CustomEvent('ask', { detail: text, bubbles: true }));
    // What was typed before an earlier question was edited is there again.
    this.#write(this.#history.isBrowsing ? this.#history.leave() : '');
  }

  /** @param {Status} said */
  #showStatus({ text, urgent, retry }) {
    setText(this.#status, text);
    this.#line.toggleAttribute('data-urgent', urgent);
    const hadFocus = document.activeElement === this.#retry;
    this.#retry.hidden = !retry;
    if (hadFocus && !retry) this.focus();
  }

  /** @param {string} name */
  #emit(name) {
    this.dispatchEvent(new CustomEvent(name, { bubbles: true }));
  }
}

/** @param {Status} one @param {Status | undefined} other */
function isSameStatus(one, other) {
  return other !== undefined && one.text === other.text && one.urgent === other.urgent && one.retry === other.retry;
}

customElements.define('question-composer', QuestionComposer);
