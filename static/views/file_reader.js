/** A file beside the conversation: lines with the cited ones marked, outline, steps to other citations. */
import { errorMessage, readPage } from '../api.js';
import { visibleText } from '../invisible.js';
import { formatReference, shortCommit } from '../reference.js';
import { diffLines, diffNear } from '../line_diff.js';
import { copyText, element, setText } from './dom.js';
import { ReaderTools } from './reader_tools.js';
import { fileAddress, followReference } from './references.js';
import { RovingFocus } from './roving_focus.js';
import { prose } from './prose.js';
import { setHtml } from './html.js';
import { highlightRanges, textRange } from './text_range.js';
import { markInvisible, marked, setMarkedText } from './invisible_marks.js';

/** @typedef {{line: number, ranges: [number, number][]}} Marks places within a line, in UTF-16 units */

export class FileReader extends HTMLElement {
  /** @type {{project: string, reference: import('../reference.js').Reference} | null} */
  #shown = null;
  /** @type {import('../api.js').FilePage | null} */
  #page = null;
  /** @type {Marks | null} */
  #marks = null;
  /** Counts requests: only the response to the newest one is shown. */
  #requests = 0;
  /** Gets the focus back when the file is closed. @type {HTMLElement | null} */
  #opener = null;
  #dir = element('span', { className: 'dir' });
  #name = element('strong');
  #range = element('span', { className: 'range' });
  #heading = element('h2', { tabIndex: -1 }, this.#dir, this.#name, this.#range);
  #state = element('span', { className: 'state', hidden: true });
  #copy = element('button', { type: 'button', className: 'quiet', onclick: () => this.#copyPath() }, 'Copy path');
  #about = element('p', { className: 'about', role: 'status' });
  #standing = element('p', { className: 'standing', role: 'status', hidden: true });
  #lines = element('div', { className: 'lines' });
  #earlier = element('button', { type: 'button', hidden: true, onclick: () => this.#more(-1) }, 'Earlier lines');
  #later = element('button', { type: 'button', hidden: true, onclick: () => this.#more(1) }, 'Later lines');
  #scroller = element('div', { className: 'scroller', tabIndex: 0, role: 'region', 'aria-label': 'Lines of the file' },
    this.#earlier, this.#lines, this.#later);
  #tools = new ReaderTools(this, this.#lines, {
    lineAt: (line) => this.#lineAt(line), firstLine: () => this.#page?.first_line ?? 1, reveal: (line) => this.#reveal(line),
  });
  /** Where marking with Shift begins. */
  #from = 0;
  #list = element('ul');
  #roving = new RovingFocus(this.#list, 'li');
  #outline = element('details', { className: 'outline', hidden: true }, element('summary', {}, 'Outline'), this.#list);
  #citationPosition = element('span', { className: 'citation-position' });
  #previous = element('button', {
    type: 'button', className: 'quiet', title: '[', 'aria-label': 'Previous citation', onclick: () => this.#emit('walk-citation', -1),
  }, '‹');
  #next = element('button', {
    type: 'button', className: 'quiet', title: ']', 'aria-label': 'Next citation', onclick: () => this.#emit('walk-citation', 1),
  }, '›');
  #citationNav = element('div', { className: 'citation-nav', hidden: true }, this.#previous, this.#citationPosition, this.#next);

  connectedCallback() {
    this.setAttribute('role', 'complementary');
    this.setAttribute('aria-label', 'File');
    this.hidden = true;
    this.append(
      element(/** @type {any} */ ('pane-splitter'), { 'data-pane': 'reader' }),
      element('div', { className: 'head' }, this.#heading, this.#state, this.#copy, element('button', {
        type: 'button', className: 'quiet close', title: 'Escape', onclick: () => this.#emit('close-file', null),
      }, 'Close')),
      this.#tools.bar, element('div', {}, this.#about, this.#standing), this.#tools.panel, this.#scroller, this.#tools.selection,
      element('div', { className: 'foot' }, this.#outline, this.#citationNav),
    );
    this.#list.addEventListener('click', (event) => this.#goToDefinition(event));
    this.#dir.addEventListener('click', (event) => {
      const { path } = /** @type {HTMLElement} */ (event.target).dataset;
      if (path !== undefined) this.#tools.openTree(path);
    });
    this.#lines.addEventListener('click', (event) => this.#clickLine(event));
    this.#tools.panel.addEventListener('click', followReference);
    this.addEventListener('step-line', (event) => this.#stepLine(/** @type {CustomEvent} */ (event).detail));
    this.addEventListener('mark-line', (event) => this.#markLines(this.#numberOf(/** @type {CustomEvent} */ (event).detail)));
  }

  get isOpen() {
    return !this.hidden;
  }

  /** @param {string} project @param {import('../reference.js').Reference} reference @param {Marks} [marks] */
  async show(project, reference, marks) {
    if (!this.isOpen) this.#opener = /** @type {HTMLElement | null} */ (document.activeElement);
    this.hidden = false;
    const before = this.#shown;
    this.#shown = { project, reference };
    this.#marks = marks ?? null;
    this.#renderHead(reference);
    this.showStanding('', null);
    const isShown = before?.project === project && before.reference.path === reference.path
      && before.reference.commit === reference.commit && this.#page !== null
      && (!reference.line || (reference.line >= this.#page.first_line && reference.line <= this.#page.last_line));
    // At once: who goes on while the file is read keeps the focus.
    this.#heading.focus({ preventScroll: true });
    if (isShown) {
      this.#mark(reference);
      return;
    }
    this.#page = null;
    await this.#load(reference);
  }

  /**
   * Tells what has become of the cited place since the answer.
   * @param {string} text empty while it is as it was
   * @param {import('../reference.js').Reference | null} place where it is now, if it moved
   * @param {string} [commit] in which it was as it was cited, if that is known
   * @param {string} [state] in one or two words
   */
  showStanding(text, place, commit, state = '') {
    this.#standing.hidden = text === '';
    this.#state.hidden = state === '';
    this.#state.classList.toggle('warns', text !== '');
    setText(this.#state, state);
    const go = place ? [' ', element('button', {
      type: 'button', className: 'quiet', onclick: () => this.#emit('open-file', { reference: place }),
    }, 'Go there')] : [];
    const before = this.#shown && { ...this.#shown.reference, commit };
    const back = text && commit ? [' ', element('button', {
      type: 'button', className: 'quiet', onclick: () => this.#emit('open-file', { reference: before }),
    }, 'As committed then'), ...(place ? [] : [' ', element('button', {
      type: 'button', className: 'quiet', onclick: () => this.#showDifference(/** @type {any} */ (before)),
    }, 'Difference')])] : [];
    this.#standing.replaceChildren(...marked(text), ...go, ...back);
  }

  /** How the cited lines differ from what they were in a commit. @param {import('../reference.js').Reference & {commit: string}} reference */
  #showDifference(reference) {
    const { path, line = 1, end_line: end } = reference;
    const split = (/** @type {import('../api.js').FilePage | null} */ page) => (page && page.total_lines ? page.text.split('\n') : []);
    return this.#tools.showResult('difference', async ({ project }) => {
      // The file may be gone.
      const [then, now] = await Promise.all([readPage(project, reference), readPage(project, { path, line }).catch(() => null)]);
      // What is shown may be older than the difference.
      if (now && this.#page && now.text !== this.#page.text) await this.#load({ path, line });
      const first = then.first_line || 1;
      const all = diffLines(split(then), split(now));
      const last = end ?? (reference.line ? line : then.last_line);
      const rows = diffNear(all, line - first + 1, last - first + 1).map(({ kind, text, before, after }) => (
        element('div', { className: `line ${kind}` },
          element('span', { className: 'gutter' }, kind === 'added' ? `+${after}` : kind === 'removed' ? `−${before + first - 1}` : String(before + first - 1)),
          element('code', {}, ...marked(text)))));
      return [`What has changed since commit ${shortCommit(reference.commit)}`, rows.length
        ? element('div', { className: 'lines', role: 'group', 'aria-label': 'Difference', tabIndex: 0 }, ...rows) : 'Nothing in these lines.'];
    });
  }

  close() {
    this.#tools.closePanel();
    this.hidden = true;
    this.#requests += 1;
    this.#page = null;
    highlightRanges('found', []);
    if (this.#opener?.isConnected) this.#opener.focus({ preventScroll: true });
    this.#opener = null;
  }

  /** Shows the position among all citations. @param {number} at index, -1 for none @param {number} all their count */
  showCitationPosition(at, all) {
    this.#citationNav.hidden = all === 0;
    setText(this.#citationPosition, at < 0 ? `${all} cited` : `${at + 1} of ${all} cited`);
    this.#previous.disabled = at === 0;
    this.#next.disabled = at === all - 1;
  }

  /** @param {import('../reference.js').Reference} reference */
  async #load(reference) {
    const request = (this.#requests += 1);
    const { project } = /** @type {{project: string}} */ (this.#shown);
    this.#showStatus('Opening…');
    try {
      const page = await readPage(project, reference);
      if (request !== this.#requests) return;
      this.#render(page);
      if (reference.line) this.#scrollTo(this.#lineAt(reference.line));
      // The text is shown at once; highlighting takes a moment longer.
      if (page.language && !page.binary) {
        const { lines } = await readPage(project, reference, 'html');
        if (request === this.#requests && lines) this.#highlight(lines);
      }
    } catch (error) {
      if (request !== this.#requests) return;
      this.#lines.replaceChildren();
      this.#outline.hidden = true;
      this.#tools.update(this.#shown && { ...this.#shown, reference: { path: reference.path } });
      this.#earlier.hidden = true;
      this.#later.hidden = true;
      this.#showProblem(errorMessage(error));
    }
  }

  /** @param {import('../reference.js').Reference} reference */
  #renderHead(reference) {
    const { line, commit } = reference;
    const text = formatReference(reference);
    const path = reference.path || text;
    const cut = path.lastIndexOf('/') + 1;
    this.#dir.replaceChildren(...crumbs(path.slice(0, cut), !reference.path));
    setMarkedText(this.#name, path.slice(cut));
    const range = reference.path && line ? ` ${text.slice(path.length + 1).replace('-', '–')}` : '';
    setText(this.#range, reference.path && commit ? `${range} in commit ${shortCommit(commit)}` : range);
    this.#heading.title = visibleText(text);
    this.#copy.hidden = !navigator.clipboard;
  }

  /** @param {import('../api.js').FilePage} page */
  #render(page) {
    this.#page = page;
    const summary = page.binary ? 'This file is not text and cannot be shown.'
      : page.total_lines === 0 ? 'The file is empty.'
        : page.truncated ? `Lines ${page.first_line} to ${page.last_line} of ${page.total_lines}` : `${page.total_lines} ${page.total_lines === 1 ? 'line' : 'lines'}`;
    this.#showStatus(summary);
    const texts = page.last_line > 0 ? page.text.split('\n').slice(0, page.last_line - page.first_line + 1) : [];
    this.#lines.replaceChildren(...texts.map((text, index) => lineElement(page.first_line + index, text)));
    this.#earlier.hidden = page.first_line <= 1;
    this.#later.hidden = page.last_line >= page.total_lines;
    this.#outline.hidden = page.outline.length === 0;
    this.#list.replaceChildren(...page.outline.map(({ kind, name, line: at }) => element('li', {}, element('button', {
      type: 'button', className: 'quiet', 'data-line': String(at),
    }, element('span', { className: 'kind' }, kind), ' ', ...marked(name)))));
    this.#roving.update();
    if (this.#shown) this.#mark(this.#shown.reference);
  }

  /** @param {string[]} lines the same lines as safe HTML */
  #highlight(lines) {
    for (const [index, code] of this.#lines.querySelectorAll('code').entries()) {
      if (lines[index] === undefined) continue;
      setHtml(code, lines[index]);
      markInvisible(code);
    }
    this.#changed();
  }

  /** Marks the cited lines and scrolls to them. @param {import('../reference.js').Reference} reference */
  #mark({ line: first, end_line: last }) {
    this.#lines.querySelectorAll('.cited').forEach((node) => node.classList.remove('cited'));
    const node = first ? this.#lineAt(first) : this.#lines.firstElementChild;
    if (first) {
      for (let at = first; at <= (last ?? first); at += 1) this.#lineAt(at)?.classList.add('cited');
    }
    this.#scrollTo(node);
    this.#from = first ?? 0;
    this.#changed();
  }

  /** Other lines are shown or marked. */
  #changed() {
    this.#highlightMarks();
    this.#tools.update(this.#shown && { ...this.#shown, editorUrl: this.#page?.editor_url });
  }

  /** @param {Element} line */
  #numberOf(line) {
    return [...this.#lines.children].indexOf(line) + (this.#page?.first_line ?? 0);
  }

  /** A click on the number of a line marks it; with Shift, up to it. @param {MouseEvent} event */
  #clickLine(event) {
    const gutter = /** @type {Element} */ (event.target).closest('.gutter');
    if (gutter?.parentElement) this.#markLines(this.#numberOf(gutter.parentElement), event.shiftKey);
  }

  /** @param {{by: 1 | -1, extends: boolean}} step */
  #stepLine({ by, extends: isExtended }) {
    const { line = 0, end_line: end = line } = this.#shown?.reference ?? {};
    const at = !isExtended ? (by > 0 ? end : line) : this.#from === line ? end : line;
    const next = line ? at + by : this.#page?.first_line ?? 0;
    if (!this.#lineAt(next)) return;
    this.#markLines(next, isExtended);
    this.#lineAt(next)?.scrollIntoView({ block: 'nearest' });
  }

  /** Marks a line, or the lines up to it. @param {number} number @param {boolean} [isExtended] */
  #markLines(number, isExtended = false) {
    if (!this.#shown || !this.#lineAt(number)) return;
    if (!isExtended || !this.#from) this.#from = number;
    const [line, end] = [Math.min(number, this.#from), Math.max(number, this.#from)];
    const { path, commit } = this.#shown.reference;
    const reference = { path, line, ...(end > line ? { end_line: end } : {}), ...(commit ? { commit } : {}) };
    this.#shown = { ...this.#shown, reference };
    this.#marks = null;
    this.showStanding('', null);
    this.#renderHead(reference);
    for (const [index, node] of [...this.#lines.children].entries()) {
      const at = index + (this.#page?.first_line ?? 0);
      node.classList.toggle('cited', at >= line && at <= end);
    }
    history.replaceState(history.state, '', fileAddress(reference) + location.hash);
    this.#changed();
  }

  /** Shows what was searched for in its line. */
  #highlightMarks() {
    const { line, ranges } = this.#marks ?? { line: 0, ranges: [] };
    const code = line ? this.#lineAt(line)?.querySelector('code') : null;
    highlightRanges('found', code ? ranges.flatMap(([start, end]) => textRange(code, start, end)) : []);
  }

  /** @param {number} number */
  #lineAt(number) {
    return this.#page ? this.#lines.children[number - this.#page.first_line] ?? null : null;
  }

  /** Scrolls a line to a third of the pane, with context above it. @param {Element | null} node */
  #scrollTo(node) {
    if (!node) return;
    const pane = this.#scroller;
    const offset = node.getBoundingClientRect().top - pane.getBoundingClientRect().top;
    pane.scrollTop += offset - pane.clientHeight / 3;
  }

  /** @param {1 | -1} direction */
  async #more(direction) {
    const page = this.#page;
    if (!page || !this.#shown) return;
    await this.#reveal(direction < 0 ? page.first_line - 1 : page.last_line + 1);
  }

  /** Scrolls to a line, which may be on another page. @param {number} line */
  async #reveal(line) {
    if (this.#lineAt(line)) this.#scrollTo(this.#lineAt(line));
    else if (this.#shown) await this.#load({ ...this.#shown.reference, line });
  }

  /** @param {Event} event */
  async #goToDefinition(event) {
    const button = /** @type {HTMLElement | null} */ (/** @type {Element} */ (event.target).closest('button[data-line]'));
    if (!button || !this.#shown) return;
    const { path, commit } = this.#shown.reference;
    const reference = { path, commit, line: Number(button.dataset.line) };
    this.#outline.open = false;
    await this.show(this.#shown.project, reference);
  }

  async #copyPath() {
    if (!this.#shown) return;
    const { reference } = this.#shown;
    await copyText(reference.path ? formatReference(reference) : reference.commit ?? '', this.#copy);
  }

  /** @param {string} text */
  #showStatus(text) {
    setText(this.#about, text);
    this.#about.classList.remove('error');
  }

  /** @param {string} text */
  #showProblem(text) {
    this.#about.replaceChildren(...prose(text));
    this.#about.classList.add('error');
  }

  /** @param {string} name @param {unknown} detail */
  #emit(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail, bubbles: true }));
  }
}

/** The directories of a path, each of which leads to the tree. @param {string} dir with a slash at its end @param {boolean} isPlain */
function crumbs(dir, isPlain) {
  if (isPlain) return marked(dir);
  return (dir.match(/[^/:]+[/:]/g) ?? []).map((part, index, parts) => element('button', {
    type: 'button', className: 'crumb', 'data-path': parts.slice(0, index + 1).join('').replace(/\/$/, ''), title: 'Show in the tree',
  }, ...marked(part)));
}

/** @param {number} number @param {string} text */
function lineElement(number, text) {
  return element('div', { className: 'line' },
    element('span', { className: 'gutter' }, String(number)), element('code', {}, ...marked(text)));
}

customElements.define('file-reader', FileReader);
