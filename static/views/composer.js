/** Where a question is written, with the status line above it. Text leaves it only by being sent. */
import { status } from '../words.js';
import { openTurns } from '../store.js';
import { element, setText } from './element.js';

const TALLEST = 240;

export class QuestionComposer extends HTMLElement {
  /** @type {import('../store.js').Conversation | null} */
  #shown = null;
  #status = element('p', { className: 'status' });
  #retry = element('button', { type: 'button', className: 'quiet', onclick: () => this.#say('retry-connection') }, 'Try now');
  #notice = element('p', { className: 'error', role: 'alert' });
  #field = element('textarea', {
    id: 'question', rows: 1, 'aria-label': 'Your question', placeholder: 'Ask about this project', enterKeyHint: 'send',
    oninput: () => this.#changed(), onkeydown: (/** @type {KeyboardEvent} */ event) => this.#key(event),
  });
  #send = element('button', { className: 'send' }, 'Ask');
  #stop = element('button', { type: 'button', hidden: true, onclick: () => this.#say('stop') }, 'Stop');
  #hint = element('small', { className: 'hint' }, 'Enter asks, Shift Enter makes a new line. The guide only reads.');

  connectedCallback() {
    this.append(
      element('div', { className: 'line' }, this.#status, this.#retry),
      this.#notice,
      element('form', {
        onsubmit: (/** @type {SubmitEvent} */ event) => {
          event.preventDefault();
          this.#submit();
        },
      }, this.#field, this.#stop, this.#send),
      this.#hint,
    );
    this.update(null, '');
    addEventListener('resize', () => this.#fit());
  }

  /** @param {import('../store.js').Conversation | null} conversation @param {string} root */
  update(conversation, root) {
    this.#shown = conversation;
    const said = conversation ? status(conversation, root) : { text: '', urgent: false, retry: false };
    setText(this.#status, said.text);
    this.#status.toggleAttribute('data-urgent', said.urgent);
    this.#retry.hidden = !said.retry;
    setText(this.#notice, conversation?.notice ?? '');
    this.#notice.hidden = !conversation?.notice;
    this.#stop.hidden = !this.canStop;
    this.#stop.disabled = conversation?.state === 'stopping';
    this.#field.disabled = conversation === null || conversation.connection === 'ended';
    this.#send.disabled = this.#field.disabled || this.text.trim() === '';
  }

  get canStop() {
    const shown = this.#shown;
    return shown !== null && shown.connection === 'open' && openTurns(shown).length > 0;
  }

  get text() {
    return this.#field.value;
  }

  /** Puts text into the field, as if it had been typed. @param {string} text */
  write(text) {
    this.#field.value = text;
    this.#changed();
  }

  focus() {
    this.#field.focus({ preventScroll: true });
  }

  #changed() {
    this.#fit();
    this.#send.disabled = this.#field.disabled || this.text.trim() === '';
    this.dispatchEvent(new CustomEvent('draft', { detail: this.text, bubbles: true }));
  }

  /** As high as its text, up to a point. */
  #fit() {
    this.#field.style.height = 'auto';
    const border = this.#field.offsetHeight - this.#field.clientHeight;
    this.#field.style.height = `${Math.min(this.#field.scrollHeight + border, TALLEST)}px`;
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    // Enter that ends an input method's composition is not for us; Safari only tells by 229.
    if (event.isComposing || event.keyCode === 229) return;
    if (event.key === 'Enter' && !event.shiftKey && !event.altKey && !event.ctrlKey && !event.metaKey) {
      event.preventDefault();
      this.#submit();
    } else if (event.key === 'ArrowUp' && this.text === '') {
      const last = this.#shown?.turns.findLast((turn) => turn.question !== null)?.question;
      if (last) {
        event.preventDefault();
        this.write(last);
      }
    }
  }

  #submit() {
    const text = this.text.trim();
    if (!text || this.#field.disabled) return;
    this.dispatchEvent(new CustomEvent('ask', { detail: text, bubbles: true }));
    this.write('');
  }

  /** @param {string} name */
  #say(name) {
    this.dispatchEvent(new CustomEvent(name, { bubbles: true }));
  }
}

customElements.define('question-composer', QuestionComposer);
