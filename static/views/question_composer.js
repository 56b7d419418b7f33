/** The field for questions, with the status line above it. */
import { InputHistory, historyEntries } from '../input_history.js';
import { ThrottledValue } from '../throttle.js';
import { unfinishedTurns } from '../store.js';
import { ACCEPTED } from '../attachments.js';
import { loadFailureText, tooLongText, statusLine } from '../text.js';
import { AgentSelect } from './agent_select.js';
import { element, setText } from './dom.js';
import { withIcon } from './icon.js';
import { setProse } from './prose.js';

/** Height limit of the field, in pixels. */
const MAX_HEIGHT = 240;
/** Text with more characters has the full height, without measuring. */
const FULL_HEIGHT_LENGTH = 4000;

/**
 * @typedef {object} ComposerData
 * @property {import('../store.js').Conversation | null} conversation
 * @property {import('../api.js').Project | null} project
 * @property {string | null} user name of the person, if the server knows it
 * @typedef {ReturnType<typeof statusLine>} Status
 */

const PLACEHOLDER = 'Ask about this project';

export class QuestionComposer extends HTMLElement {
  /** @type {ComposerData} */
  #shown = { conversation: null, project: null, user: null };
  #history = new InputHistory();
  /** Gives the questions that this browser asked before. @type {() => string[]} */
  loadHistory = () => [];
  #status = element('p', { className: 'status' });
  #retry = element('button', { type: 'button', className: 'quiet', hidden: true, onclick: () => this.#emit('retry-connection') }, 'Try now');
  #toEnd = element('button', { type: 'button', className: 'quiet to-end', hidden: true, onclick: () => this.#emit('go-to-end') }, 'To the end');
  #line = element('div', { className: 'line' }, this.#status, this.#retry, this.#toEnd);
  #throttledStatus = new ThrottledValue((/** @type {Status} */ status) => this.#showStatus(status), isSameStatus);
  #notice = element('p', { className: 'error', role: 'alert', hidden: true });
  #tooLong = element('p', { id: 'too-long', className: 'error', role: 'status', hidden: true });
  #editing = element('p', { className: 'editing', hidden: true },
    element('span', {}, 'You are editing an earlier question. The old answer stays.'),
    element('button', { type: 'button', className: 'quiet', onclick: () => this.leaveEdit() }, 'Cancel'));
  #finder = /** @type {import('./file_finder.js').FileFinder} */ (element(/** @type {any} */ ('file-finder'), { hidden: true }));
  /** Whether the list of files is loaded. */
  #canFind = false;
  #field = element('textarea', {
    id: 'question', rows: 1, dir: 'auto', 'aria-label': 'Your question', placeholder: PLACEHOLDER, enterKeyHint: 'send',
    oninput: (/** @type {InputEvent} */ event) => this.#typed(event), onkeydown: (/** @type {KeyboardEvent} */ event) => this.#key(event),
    oncompositionend: () => this.#findFile(), onpaste: (/** @type {ClipboardEvent} */ event) => this.#pasted(event),
  });
  #send = element('button', { className: 'send' }, ...withIcon('send', 'Ask'));
  #stop = element('button', { type: 'button', hidden: true, onclick: () => this.#emit('stop') }, ...withIcon('stop', 'Stop'));
  #agent = new AgentSelect();
  /** Loaded with the first file. @type {import('./attachment_tray.js').AttachmentTray | null} */
  #tray = null;
  #trayPlace = element('div', {});
  /** One promise for all who wait for it, so that files keep their order. @type {Promise<typeof import('./attachment_tray.js')> | null} */
  #trayModule = null;
  #input = element('input', { type: 'file', multiple: true, hidden: true, accept: ACCEPTED, onchange: () => this.#chosen() });
  #attach = element('button', {
    type: 'button', className: 'quiet attach', hidden: true, title: 'Attach images or text files', onclick: () => this.#input.click(),
  }, ...withIcon('attach', 'Attach'));
  #hint = element('small', { className: 'hint' }, 'Enter asks, Shift+Enter starts a new line, @ finds a file.');

  connectedCallback() {
    if (this.#line.parentNode) return;
    this.append(
      this.#line, this.#notice, this.#tooLong, this.#editing, this.#trayPlace,
      element('form', {
        onsubmit: (/** @type {SubmitEvent} */ event) => {
          event.preventDefault();
          this.#submit();
        },
      }, this.#finder, this.#field, this.#stop, this.#send),
      element('div', { className: 'foot' }, this.#attach, this.#input, this.#agent.root, this.#agent.effort, this.#hint),
    );
    this.#takeDrops();
    this.update(this.#shown);
    addEventListener('resize', () => this.fit());
  }

  /** @param {ComposerData} data */
  update(data) {
    const isOther = data.conversation?.id !== this.#shown.conversation?.id && this.#shown.conversation?.id !== null;
    this.#shown = data;
    const { conversation, project } = data;
    const hadFocus = this.contains(document.activeElement);
    const status = conversation ? statusLine(conversation, project?.path ?? '') : { text: '', urgent: false, retry: false };
    if (isOther) this.#throttledStatus.reset({ ...status, text: '' });
    this.#throttledStatus.set(status);
    setProse(this.#notice, conversation?.notice ?? '');
    this.#notice.hidden = !conversation?.notice;
    this.#agent.update(conversation);
    this.#stop.hidden = !this.canStop;
    this.#stop.disabled = conversation?.state === 'stopping';
    const isReader = conversation?.sharing?.may_write === false;
    this.#field.disabled = conversation === null || conversation.connection === 'ended' || isReader;
    this.#field.placeholder = isReader ? 'For reading: fork it to ask' : PLACEHOLDER;
    if (this.#canFind) this.#finder.project = project?.name ?? '';
    this.#attach.hidden = (conversation?.attachmentLimits?.count ?? 0) === 0;
    this.#tray?.update(conversation, project?.name ?? '');
    this.#validate();
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

  /** The text to store. @returns {import('../drafts.js').SavedInput | null} */
  get typed() {
    const draft = this.#history.draft(this.text);
    const { current } = this.#history;
    const edit = current && (this.text !== current.text || !this.#editing.hidden) ? { ...current, text: this.text } : null;
    return draft || edit ? { draft, edit, at: Date.now() } : null;
  }

  /** Shows stored text. @param {import('../drafts.js').SavedInput | null} typed */
  restore(typed) {
    this.#history.leave();
    if (typed?.edit) this.#history.edit(typed.draft, typed.edit);
    this.#write(typed?.edit?.text ?? typed?.draft ?? '');
  }

  /**
   * Puts text that was not sent before what was typed since, with its files.
   * @param {string} text @param {import('../attachments.js').Attachment[]} [attachments]
   */
  giveBack(text, attachments = []) {
    if (attachments.length > 0) this.#useTray((tray) => tray.giveBack(attachments));
    if (this.text !== text) this.leaveEdit();
    this.#write([text, this.text].filter((one, index, all) => one && all.indexOf(one) === index).join('\n\n'));
  }

  /**
   * Puts an earlier question into the field with its files, to change it and ask again.
   * @param {import('../input_history.js').HistoryEntry} question @param {import('../attachments.js').Attachment[]} [attachments]
   */
  edit(question, attachments = []) {
    if (attachments.length > 0) this.#useTray((tray) => tray.giveBack(attachments));
    this.#history.edit(this.text, question);
    this.#write(question.text);
    this.focus();
  }

  /** Cancels an edit and restores the draft. Returns whether there was an edit. */
  leaveEdit() {
    if (!this.#history.isBrowsing) return false;
    this.#write(this.#history.leave());
    this.focus();
    return true;
  }

  /** @param {boolean} isShown whether the end of the conversation is off the screen */
  offerEnd(isShown) {
    this.#toEnd.hidden = !isShown;
  }

  focus() {
    this.#field.focus({ preventScroll: true });
  }

  /** Puts text behind what is typed, to go on from there. @param {string} text @param {string} [below] what stands behind that */
  insert(text, below = '') {
    const before = this.text && !/\s$/.test(this.text) ? `${this.text} ${text}` : this.text + text;
    this.#write(before + below);
    this.#field.setSelectionRange(before.length, before.length);
    this.focus();
  }

  /** Sets the text as if it were typed. @param {string} text */
  #write(text) {
    this.#field.value = text;
    this.#field.setSelectionRange(text.length, text.length);
    if (this.#canFind) this.#finder.close();
    this.#changed();
  }

  /** @param {InputEvent} event */
  #typed(event) {
    this.#changed();
    // An input method may still be composing the name of a file.
    if (!event.isComposing) this.#findFile();
  }

  /** Looks for the files that a mention means; their list is loaded with the first `@`. */
  #findFile() {
    if (this.#canFind) this.#finder.update();
    else if (this.#field.value.includes('@')) {
      import('./file_finder.js').then(() => this.#beginFinding(), () => (
        this.dispatchEvent(new CustomEvent('notify', { detail: loadFailureText('The list of files'), bubbles: true }))));
    }
  }

  #beginFinding() {
    if (!this.#canFind) {
      this.#canFind = true;
      this.#finder.attach(this.#field);
      this.#finder.onInserted = () => this.#changed();
      this.#finder.project = this.#shown.project?.name ?? '';
    }
    this.#finder.update();
  }

  #changed() {
    this.fit();
    this.#validate();
    this.#editing.hidden = this.#history.current === null || this.#history.current.turn === null;
    this.dispatchEvent(new CustomEvent('draft', { bubbles: true }));
  }

  /** Shows why the text cannot be sent, if it cannot. */
  #validate() {
    const problem = tooLongText(this.text, this.#shown.conversation?.messageBytes ?? 0);
    setText(this.#tooLong, problem);
    this.#tooLong.hidden = problem === '';
    if (problem) this.#field.setAttribute('aria-describedby', this.#tooLong.id);
    else this.#field.removeAttribute('aria-describedby');
    this.#send.disabled = this.#field.disabled || problem !== '' || (this.#tray?.block ?? '') !== '' || !/\S/.test(this.text);
  }

  /** @param {ClipboardEvent} event */
  #pasted(event) {
    const files = filesOf(event.clipboardData);
    // Programs that copy text often add a picture of it.
    if (files.length === 0 || event.clipboardData?.types.includes('text/plain')) return;
    event.preventDefault();
    this.#useTray((tray) => tray.add(files));
  }

  #chosen() {
    const files = [...this.#input.files ?? []];
    // The same file can be chosen again.
    this.#input.value = '';
    this.#useTray((tray) => tray.add(files));
  }

  /** @param {(tray: import('./attachment_tray.js').AttachmentTray) => void} use */
  async #useTray(use) {
    try {
      this.#trayModule ??= import('./attachment_tray.js');
      const { AttachmentTray } = await this.#trayModule;
      if (!this.#tray) {
        this.#tray = new AttachmentTray(() => this.#validate(), this.#attach);
        this.#trayPlace.append(this.#tray.root);
        this.#tray.update(this.#shown.conversation, this.#shown.project?.name ?? '');
      }
      use(this.#tray);
    } catch {
      this.#trayModule = null;
      this.dispatchEvent(new CustomEvent('notify', { detail: loadFailureText('The list of files'), bubbles: true }));
    }
  }

  /** Files may be dropped anywhere on the page, which would open them otherwise. */
  #takeDrops() {
    const hasFiles = (/** @type {DragEvent} */ event) => event.dataTransfer?.types.includes('Files') ?? false;
    addEventListener('dragover', (event) => {
      if (!hasFiles(event)) return;
      event.preventDefault();
      this.toggleAttribute('data-drop', true);
    });
    for (const name of ['dragleave', 'dragend', 'drop']) addEventListener(name, () => this.removeAttribute('data-drop'));
    addEventListener('drop', (event) => {
      if (!hasFiles(event)) return;
      event.preventDefault();
      const files = filesOf(event.dataTransfer);
      if (!this.#field.disabled) this.#useTray((tray) => tray.add(files));
      this.focus();
    });
  }

  /** Makes the field as high as its text, up to a limit. */
  fit() {
    const isLong = this.text.length > FULL_HEIGHT_LENGTH;
    this.#field.spellcheck = !isLong;
    if (isLong) {
      this.#field.style.height = `${MAX_HEIGHT}px`;
      return;
    }
    this.#field.style.height = 'auto';
    const border = this.#field.offsetHeight - this.#field.clientHeight;
    this.#field.style.height = `${Math.min(this.#field.scrollHeight + border, MAX_HEIGHT)}px`;
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    // Enter may end the composition of an input method; Safari reports only key code 229 then.
    if (event.isComposing || event.keyCode === 229) return;
    const isPlain = !event.shiftKey && !event.altKey && !event.ctrlKey && !event.metaKey;
    if (this.#canFind && this.#finder.key(event)) event.preventDefault();
    else if (event.key === 'Enter' && isPlain) {
      event.preventDefault();
      this.#submit();
    } else if (event.key === 'Escape' && this.leaveEdit()) event.preventDefault();
    else if (event.key === 'ArrowUp' && isPlain && this.#isAtHistoryEdge(0)) this.#recall(event, this.#previousQuestion());
    else if (event.key === 'ArrowDown' && isPlain && this.#history.isBrowsing && this.#isAtHistoryEdge(this.text.length)) {
      this.#recall(event, this.#history.forward());
    }
  }

  /** Whether an arrow key browses the history instead of moving the caret. @param {number} edge offset in the text */
  #isAtHistoryEdge(edge) {
    const { selectionStart, selectionEnd } = this.#field;
    if (selectionStart !== selectionEnd) return false;
    const { current } = this.#history;
    if (current) return this.text === current.text && [edge, this.text.length].includes(selectionStart);
    return selectionStart === edge;
  }

  #previousQuestion() {
    const turns = this.#shown.conversation?.turns ?? [];
    return this.#history.back(this.text, () => historyEntries(this.loadHistory(), turns, this.#shown.user));
  }

  /** @param {KeyboardEvent} event @param {string | null} text */
  #recall(event, text) {
    if (text === null) return;
    event.preventDefault();
    this.#write(text);
  }

  #submit() {
    const text = this.text.trim();
    if (this.#send.disabled || !text) return;
    const attachments = this.#tray?.take() ?? [];
    this.dispatchEvent(attachments.length === 0 ? new CustomEvent('ask', { detail: text, bubbles: true })
      : new CustomEvent('ask-with-files', { detail: { content: text, attachments }, bubbles: true }));
    // After an edit the draft is restored.
    this.#write(this.#history.isBrowsing ? this.#history.leave() : '');
  }

  /** @param {Status} status */
  #showStatus({ text, urgent, retry }) {
    setProse(this.#status, text);
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

/** The files of a paste or a drop. @param {DataTransfer | null} data @returns {File[]} */
const filesOf = (data) => [...data?.files ?? []];

/** @param {Status} one @param {Status | undefined} other */
function isSameStatus(one, other) {
  return other !== undefined && one.text === other.text && one.urgent === other.urgent && one.retry === other.retry;
}

customElements.define('question-composer', QuestionComposer);
