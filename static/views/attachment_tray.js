/** The files of the question that is being written: chosen, sent at once, shown, removed. */
import { ApiError, attachmentAddress, errorMessage, sendFile } from '../api.js';
import { blockText, isImage, lengthText, notTakenText, refusal } from '../attachments.js';
import { nextAgent } from '../agents.js';
import { element, setText } from './dom.js';

/**
 * @typedef {import('../attachments.js').Attachment} Attachment
 * @typedef {import('../attachments.js').ChosenFile} ChosenFile
 * @typedef {ChosenFile & {file: File | null, sending: AbortController | null}} TrayFile
 */

export class AttachmentTray {
  /** @type {TrayFile[]} */
  #files = [];
  #nextKey = 1;
  #project = '';
  /** @type {import('../store.js').Conversation | null} */
  #conversation = null;
  #list = element('ul', { className: 'tray', 'aria-label': 'Attached files' });
  #note = element('p', { className: 'tray-note', role: 'status', hidden: true });
  root = element('div', { className: 'attachments', hidden: true }, this.#list, this.#note);
  /** The problem that was told last. */
  #problem = '';

  /**
   * @param {() => void} onChanged called when it changes whether the question can be sent
   * @param {HTMLElement} button gets the focus when the last file is removed
   */
  constructor(onChanged, button) {
    this.onChanged = onChanged;
    this.button = button;
  }

  /** @param {import('../store.js').Conversation | null} conversation @param {string} project */
  update(conversation, project) {
    const before = this.#conversation;
    // A new conversation gets its id while files wait for it.
    const isOther = project !== this.#project || (before?.id !== null && before?.id !== conversation?.id);
    this.#project = project;
    this.#conversation = conversation;
    if (isOther && this.#files.length > 0) this.clear();
    for (const one of this.#files) this.#send(one);
    this.#showNote();
  }

  /** Why the question cannot be sent yet; empty if it can. */
  get block() {
    return blockText(this.#files);
  }

  /** The files of the question, which leave the tray. @returns {Attachment[]} */
  take() {
    const taken = this.#files.flatMap((one) => (one.attached ? [one.attached] : []));
    this.#files = [];
    this.#problem = '';
    this.#render();
    return taken;
  }

  /** Shows files again whose question was not sent. @param {Attachment[]} attached */
  giveBack(attached) {
    const known = new Set(this.#files.map((one) => one.attached?.id));
    for (const one of attached.filter(({ id }) => !known.has(id))) {
      this.#files.push({ key: this.#nextKey++, name: one.name, bytes: one.bytes, progress: 1, attached: one, problem: '', file: null, sending: null });
    }
    this.#render();
  }

  /** @param {Iterable<File>} files */
  add(files) {
    this.#problem = '';
    for (const file of files) {
      const name = file.name || 'pasted image';
      const problem = refusal({ name, size: file.size }, this.#files, this.#conversation?.attachmentLimits ?? null);
      if (problem) {
        this.#problem = problem;
        continue;
      }
      const one = { key: this.#nextKey++, name, bytes: file.size, progress: 0, attached: null, problem: '', file, sending: null };
      this.#files.push(one);
      this.#send(one);
    }
    this.#render();
  }

  clear() {
    for (const one of this.#files) one.sending?.abort();
    this.take();
  }

  /** Sends a file once there is a conversation for it. @param {TrayFile} one */
  async #send(one) {
    const id = this.#conversation?.id ?? null;
    if (id === null || one.file === null || one.attached || one.sending || one.problem) return;
    const sending = new AbortController();
    one.sending = sending;
    try {
      one.attached = await sendFile(this.#project, id, one.file, one.name, { signal: sending.signal, onProgress: (progress) => {
        one.progress = progress;
        this.#progressed(one);
      } });
    } catch (error) {
      if (sending.signal.aborted) return;
      one.problem = error instanceof ApiError && error.status === 0
        ? 'The connection was lost.' : errorMessage(error);
    }
    one.sending = null;
    if (this.#files.includes(one)) this.#render();
  }

  /** @param {TrayFile} one */
  #retry(one) {
    one.problem = '';
    one.progress = 0;
    this.#send(one);
    this.#render();
  }

  /** @param {TrayFile} one */
  #remove(one) {
    const at = this.#files.indexOf(one);
    one.sending?.abort();
    this.#files.splice(at, 1);
    this.#problem = '';
    this.#render();
    // The focus goes to the next file, or back to the button.
    const buttons = /** @type {NodeListOf<HTMLElement>} */ (this.#list.querySelectorAll('.remove'));
    (buttons[Math.min(at, buttons.length - 1)] ?? this.button).focus();
  }

  /** @param {TrayFile} one */
  #progressed(one) {
    const bar = this.#list.querySelector(`[data-key="${one.key}"] progress`);
    if (bar instanceof HTMLProgressElement) bar.value = one.progress;
  }

  #render() {
    this.root.hidden = this.#files.length === 0 && this.#problem === '';
    const focused = this.#list.contains(document.activeElement) ? document.activeElement?.closest('li')?.dataset.key : undefined;
    this.#list.replaceChildren(...this.#files.map((one) => this.#item(one)));
    if (focused !== undefined) {
      /** @type {HTMLElement | null} */ (this.#list.querySelector(`[data-key="${focused}"] .remove`))?.focus();
    }
    this.#showNote();
    this.onChanged();
  }

  #showNote() {
    const agent = this.#conversation ? nextAgent(this.#conversation) : null;
    const note = this.#problem || blockText(this.#files) || notTakenText(this.#files, agent);
    setText(this.#note, note);
    this.#note.hidden = note === '';
    this.#note.classList.toggle('error', this.#problem !== '' || this.#files.some((one) => one.problem !== ''));
  }

  /** @param {TrayFile} one */
  #item(one) {
    const { attached, problem, name } = one;
    /** @type {Node[]} */
    const shown = [];
    if (attached && isImage(attached.type) && this.#conversation?.id) {
      const address = attachmentAddress(this.#project, this.#conversation.id, attached.id);
      shown.push(element('img', { src: address, alt: '', width: 40, height: 40 }));
    }
    shown.push(element('span', { className: 'name' }, name), element('small', {}, problem || lengthText(one.bytes)));
    if (!attached && !problem) shown.push(element('progress', { value: one.progress, max: 1, 'aria-label': `Sending ${name}` }));
    if (problem) shown.push(element('button', { type: 'button', className: 'quiet', onclick: () => this.#retry(one) }, 'Try again'));
    shown.push(element('button', {
      type: 'button', className: 'quiet remove', 'aria-label': `Remove ${attached?.name ?? name}`, title: 'Remove', onclick: () => this.#remove(one),
    }, '×'));
    return element('li', { className: problem ? 'failed' : '', 'data-key': String(one.key) }, ...shown);
  }
}
