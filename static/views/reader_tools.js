/** What can be done with the file beside the conversation: its tools, its marked lines, and a panel for what they show. */
import { blameLines, findDefinitions, findUses } from '../code_api.js';
import { errorMessage } from '../api.js';
import { asName, linesText, namesIn, usesOf, usesText } from '../code_names.js';
import { formatReference } from '../reference.js';
import { element, setText } from './dom.js';
import { FileTree } from './file_tree.js';
import { FindInFile } from './find_in_file.js';
import { marked } from './invisible_marks.js';
import { fileAddress } from './references.js';
import { RovingFocus } from './roving_focus.js';

/** Parts of code whose words are no names. */
const NO_NAMES = '.keyword, .string, .comment, .number';

/**
 * @typedef {object} Shown what the reader shows
 * @property {string} project
 * @property {import('../reference.js').Reference} reference
 * @property {string} [editorUrl] with `{line}` in it
 */

export class ReaderTools {
  /** @type {Shown | null} */
  #shown = null;
  /** @type {FileTree | null} */
  #tree = null;
  #find;
  /** What the panel shows. */
  #open = '';
  /** How often something was to be shown in the panel. */
  #asked = 0;
  #treeButton = this.#button('Files', () => this.openTree());
  #findButton = this.#button('Find', () => this.openFind());
  #wrap = element('button', { type: 'button', className: 'quiet', 'aria-pressed': 'false', onclick: () => this.#toggleWrap() }, 'Wrap');
  #editor = element('a', { className: 'quiet', hidden: true, target: '_blank', rel: 'noopener noreferrer' });
  bar = element('div', { className: 'tools', role: 'toolbar', 'aria-label': 'File' }, this.#treeButton, this.#findButton, this.#wrap, this.#editor);
  panel = element('div', { className: 'panel', hidden: true });
  #lines = element('span', { className: 'marked-lines' });
  #names = element('select', { className: 'own', 'aria-label': 'Name in these lines', onchange: () => this.#renderNames() });
  #definition = this.#button('Definition', () => this.#showDefinitions());
  #uses = this.#button('Used from', () => this.#showUses());
  selection = element('div', { className: 'selection', role: 'toolbar', 'aria-label': 'Marked lines', hidden: true }, this.#lines,
    this.#button('Ask about these lines', () => this.#askAbout()),
    this.#button('Who wrote them', () => this.#showAuthors()), this.#names, this.#definition, this.#uses);

  /** @param {HTMLElement} host the reader @param {HTMLElement} lines @param {import('./find_in_file.js').FilePane} pane */
  constructor(host, lines, pane) {
    this.host = host;
    this.lines = lines;
    this.#find = new FindInFile(pane);
    lines.addEventListener('dblclick', () => this.#pickName(asName(getSelection()?.toString() ?? '')));
    host.addEventListener('keydown', (event) => this.#key(event));
  }

  /** Other lines are shown or marked. @param {Shown | null} shown */
  update(shown) {
    const isOther = shown?.project !== this.#shown?.project || shown?.reference.path !== this.#shown?.reference.path;
    const isThen = shown?.reference.commit !== this.#shown?.reference.commit;
    this.#shown = shown;
    if (isOther) this.#asked += 1;
    if (isOther && this.#open !== 'tree' && this.#open !== 'find') this.closePanel();
    if (this.#open === 'find') {
      if (isOther || isThen) this.#find.search(shown);
      else this.#find.mark();
    }
    if (this.#tree && this.#tree.project !== shown?.project) this.#tree = null;
    const { path = '', line, end_line: end } = shown?.reference ?? {};
    this.selection.hidden = !path || !line;
    if (line) setText(this.#lines, linesText(line, end ?? line));
    this.#editor.hidden = !shown?.editorUrl;
    if (shown?.editorUrl) {
      this.#editor.href = shown.editorUrl.replaceAll('{line}', String(line ?? 1));
      setText(this.#editor, /^https?:/.test(shown.editorUrl) ? 'On the web' : 'In the editor');
    }
    this.#renderNames(namesIn(this.#markedTexts()));
  }

  openTree(path = this.#shown?.reference.path ?? '') {
    if (!this.#shown) return;
    this.#tree ??= new FileTree(this.#shown.project, (file) => this.#emit('open-file', { reference: { path: file } }));
    if (!this.#show('tree', this.#tree.node, this.#treeButton)) return;
    const tree = this.#tree;
    tree.reveal(path.replace(/\/$/, '')).then(() => tree.focus());
  }

  openFind() {
    if (this.#show('find', this.#find.node, this.#findButton)) {
      this.#find.focus();
      this.#find.search(this.#shown);
    }
  }

  /** Shows something in the panel; the same again closes it. @param {string} what @param {HTMLElement} node @param {HTMLElement | null} [button] */
  #show(what, node, button = null) {
    const isOpen = this.#open === what;
    this.#asked += 1;
    this.closePanel();
    if (isOpen && button) {
      button.focus();
      return false;
    }
    this.#open = what;
    this.panel.replaceChildren(node);
    this.panel.hidden = false;
    button?.setAttribute('aria-expanded', 'true');
    return true;
  }

  /**
   * Shows in the panel what is read. It comes late: only the last one asked for is shown, and the focus stays with a person who has left the file.
   * @param {string} what @param {(shown: Shown) => Promise<[string, ...(Node | string)[]] | null>} read the title and the content; `null` when there is nothing to show
   * @param {Node[]} [after] shown below the content, and below the words of a failure
   */
  async showResult(what, read, after = []) {
    if (!this.#shown) return;
    this.#asked += 1;
    const asked = this.#asked;
    const result = await read(this.#shown).catch((error) => /** @type {[string]} */ ([errorMessage(error)]));
    if (!result || asked !== this.#asked) return;
    const [title, ...content] = result;
    const heading = element('h3', { tabIndex: -1 }, title);
    const region = element('div', { className: 'result', role: 'region', 'aria-label': title }, heading, ...content, ...after,
      element('button', { type: 'button', className: 'quiet', onclick: () => this.closePanel() }, 'Close'));
    new RovingFocus(region, 'li').update();
    const isHere = document.activeElement === document.body || this.host.contains(document.activeElement);
    this.#show(what, region);
    if (isHere) heading.focus({ preventScroll: true });
  }

  /** Returns whether it was open. */
  closePanel() {
    if (this.#open === '') return false;
    if (this.#open === 'find') this.#find.close();
    this.#open = '';
    this.panel.hidden = true;
    this.panel.replaceChildren();
    for (const button of [this.#treeButton, this.#findButton]) button.removeAttribute('aria-expanded');
    return true;
  }

  #toggleWrap() {
    const isOn = this.host.toggleAttribute('data-wrap');
    this.#wrap.setAttribute('aria-pressed', String(isOn));
  }

  /** The code of the marked lines that may have names in it. */
  #markedTexts() {
    /** @type {string[]} */
    const texts = [];
    for (const code of this.lines.querySelectorAll('.cited code')) {
      const walker = document.createTreeWalker(code, NodeFilter.SHOW_TEXT);
      for (let text = walker.nextNode(); text; text = walker.nextNode()) {
        if (!text.parentElement?.closest(NO_NAMES)) texts.push(text.textContent ?? '');
      }
    }
    return texts;
  }

  /** @param {string[]} [names] */
  #renderNames(names) {
    if (names) this.#names.replaceChildren(...names.slice(0, 200).map((name) => element('option', { value: name }, name)));
    const isNone = this.#names.options.length === 0;
    for (const node of [this.#names, this.#definition, this.#uses]) node.hidden = isNone;
  }

  /** A name that was picked in the text. @param {string} name */
  #pickName(name) {
    if (!name) return;
    const line = getSelection()?.anchorNode?.parentElement?.closest('.line');
    if (line && !line.classList.contains('cited')) this.#emit('mark-line', line);
    if (![...this.#names.options].some(({ value }) => value === name)) this.#names.prepend(element('option', { value: name }, name));
    this.#names.value = name;
    this.#renderNames();
  }

  #askAbout() {
    if (!this.#shown) return;
    const { reference } = this.#shown;
    const { line = 0, end_line: end = line } = reference;
    const lines = [...this.lines.querySelectorAll('.cited code')].map((code) => code.textContent ?? '');
    // Some of them may not be loaded.
    this.#emit('ask-about', { reference, lines: lines.length === end - line + 1 ? lines : [] });
  }

  #showDefinitions() {
    const name = this.#names.value;
    return this.showResult('definitions', async ({ project }) => {
      const { symbols } = await findDefinitions(project, name);
      if (symbols.length === 0) return [`No definition of ${name} is known`];
      if (symbols.length > 1) {
        return [`Definitions of ${name}`, element('ul', {}, ...symbols.map(({ kind, path, line }) => element('li', {},
          element('span', { className: 'kind' }, kind), ' ', link({ path, line }))))];
      }
      this.#emit('open-file', { reference: { path: symbols[0].path, line: symbols[0].line } });
      return null;
    });
  }

  #showUses() {
    const name = this.#names.value;
    const inText = this.#button('Search the text of all files', () => this.#emit('search-code', usesOf(name)));
    return this.showResult('uses', async ({ project }) => {
      const uses = await findUses(project, name);
      const [title, ...notes] = usesText(name, uses);
      return [title, ...notes.map((note) => element('p', { className: 'note' }, note)), ...uses.groups.flatMap(useGroup)];
    }, [inText]);
  }

  #showAuthors() {
    return this.showResult('authors', async ({ project, reference: { path, line = 1, end_line: end = line } }) => {
      const { parts } = await blameLines(project, path, line, end);
      return [`Who wrote ${linesText(line, end).toLowerCase()}`, element('ul', {}, ...parts.map(({ first, last, commit }) => (
        element('li', {}, `${linesText(first, last)}: `, ...(commit
          ? [`${commit.author}, ${commit.date}, `, link({ path: '', commit: commit.id }, commit.subject)] : ['not committed'])))))];
    });
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const isField = /** @type {Element} */ (event.target).matches('input, select');
    if (event.key === 'Escape' && this.closePanel()) this.#findButton.focus();
    else if (event.key === '/' && !isField && !event.ctrlKey && !event.metaKey && !event.altKey) this.openFind();
    else if (event.altKey && (event.key === 'ArrowDown' || event.key === 'ArrowUp')) {
      this.#emit('step-line', { by: event.key === 'ArrowDown' ? 1 : -1, extends: event.shiftKey });
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }

  /** @param {string} label @param {() => void} act */
  #button(label, act) {
    return element('button', { type: 'button', className: 'quiet', onclick: act }, label);
  }

  /** @param {string} name @param {unknown} detail */
  #emit(name, detail) {
    this.host.dispatchEvent(new CustomEvent(name, { detail, bubbles: true }));
  }
}

/** The uses of a name within a definition, or outside of all. @param {import('../code_api.js').UseGroup} group */
function useGroup({ path, within, uses }) {
  const place = within ? [element('span', { className: 'kind' }, within.kind), ' ', ...marked(within.name), ` in `, ...marked(path)] : marked(path);
  return [element('h4', {}, ...place), element('ul', { className: 'uses' }, ...uses.map(({ line, pieces, cut }) => element('li', {},
    link({ path, line }, `Line ${line}`), ' ', element('code', {}, ...pieces.flatMap(({ text, hit }, at) => piece({ text: at ? text : text.trimStart(), hit })), ...(cut ? ['…'] : [])))))];
}

/** @param {import('../api.js').Piece} piece */
const piece = ({ text, hit }) => (hit ? [element('mark', {}, ...marked(text))] : marked(text));

/** @param {import('../reference.js').Reference} reference @param {string} [text] */
function link(reference, text = formatReference(reference)) {
  return element('a', {
    href: fileAddress(reference), 'data-reference': reference.path && formatReference(reference), ...(reference.commit ? { 'data-commit': reference.commit } : {}),
  }, ...marked(text));
}
