/** The files of a project as a tree, of which a directory is loaded when it is opened. One stop of the Tab key. */
import { listDirectory } from '../code_api.js';
import { errorMessage } from '../api.js';
import { element } from './dom.js';
import { marked } from './invisible_marks.js';
import { RovingFocus } from './roving_focus.js';

/** @typedef {{path: string, name: string, level: number, isDir: boolean}} TreeRow */

/** Rows of the tree. */
const ROW = '[role=treeitem]';

export class FileTree {
  /** @type {WeakMap<Element, TreeRow>} */
  #rows = new WeakMap();
  node = element('div', {
    className: 'tree', role: 'tree', 'aria-label': 'Files',
    onclick: (/** @type {Event} */ event) => this.#click(event), onkeydown: (/** @type {KeyboardEvent} */ event) => this.#key(event),
  });
  #roving = new RovingFocus(this.node, ROW, { controls: ROW });

  /** @param {string} project @param {(path: string) => void} open a file */
  constructor(project, open) {
    this.project = project;
    this.open = open;
  }

  /** Opens the directories that lead to a path, and marks it. @param {string} path */
  async reveal(path) {
    if (!this.node.firstElementChild) await this.#load(null, '', 1);
    for (const row of this.#all()) row.removeAttribute('aria-selected');
    for (;;) {
      const on = this.#all().filter((row) => isOn(path, this.#of(row)));
      const last = on.at(-1);
      if (!last) break;
      if (this.#of(last).isDir && last.getAttribute('aria-expanded') === 'false' && this.#of(last).path !== path) await this.#expand(last);
      else {
        last.setAttribute('aria-selected', 'true');
        this.#roving.choose(last);
        last.scrollIntoView({ block: 'center' });
        return;
      }
      if (this.#all().filter((row) => isOn(path, this.#of(row))).at(-1) === last) return;
    }
  }

  focus() {
    this.#roving.focus();
  }

  /** @returns {HTMLElement[]} */
  #all() {
    return /** @type {HTMLElement[]} */ ([...this.node.querySelectorAll(ROW)]);
  }

  /** @param {Element} row */
  #of(row) {
    return /** @type {TreeRow} */ (this.#rows.get(row));
  }

  /** @param {HTMLElement | null} after @param {string} path @param {number} level */
  async #load(after, path, level) {
    /** @type {Node[]} */
    let nodes;
    try {
      const { dirs, files, truncated } = await listDirectory(this.project, path);
      const prefix = path === '' || path.endsWith(':') ? path : `${path}/`;
      nodes = [
        ...dirs.map((name) => this.#node({ path: prefix + name, name, level, isDir: true })),
        ...files.map((name) => this.#node({ path: prefix + name, name, level, isDir: false })),
        ...(truncated ? [element('p', { className: 'note', 'data-level': String(level) }, 'There are more files than are shown.')] : []),
      ];
    } catch (error) {
      nodes = [element('p', { className: 'note error', 'data-level': String(level) }, errorMessage(error))];
    }
    if (after) after.after(...nodes);
    else this.node.replaceChildren(...nodes);
    this.#roving.update();
  }

  /** @param {TreeRow} row */
  #node(row) {
    const node = element('div', { role: 'treeitem', tabIndex: -1, 'aria-level': String(row.level), title: row.path, ...(row.isDir ? { 'aria-expanded': 'false' } : {}) },
      ...marked(row.name));
    node.style.setProperty('--level', String(row.level));
    node.dataset.level = String(row.level);
    this.#rows.set(node, row);
    return node;
  }

  /** @param {HTMLElement} row */
  async #expand(row) {
    row.setAttribute('aria-expanded', 'true');
    await this.#load(row, this.#of(row).path, this.#of(row).level + 1);
  }

  /** @param {HTMLElement} row */
  #collapse(row) {
    row.setAttribute('aria-expanded', 'false');
    const { level } = this.#of(row);
    for (let next = row.nextElementSibling; next && Number(/** @type {HTMLElement} */ (next).dataset.level) > level; next = row.nextElementSibling) next.remove();
  }

  /** @param {HTMLElement} row */
  #activate(row) {
    const { path, isDir } = this.#of(row);
    if (!isDir) this.open(path);
    else if (row.getAttribute('aria-expanded') === 'true') this.#collapse(row);
    else this.#expand(row);
  }

  /** @param {Event} event */
  #click(event) {
    const row = /** @type {HTMLElement | null} */ (/** @type {Element} */ (event.target).closest(ROW));
    if (!row) return;
    this.#roving.choose(row);
    this.#activate(row);
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const row = /** @type {HTMLElement} */ (event.target);
    if (!this.#rows.has(row) || event.ctrlKey || event.metaKey || event.altKey) return;
    const all = this.#all();
    const at = all.indexOf(row);
    const isExpanded = row.getAttribute('aria-expanded');
    const { level } = this.#of(row);
    const parent = all.slice(0, at).findLast((other) => this.#of(other).level < level);
    if (event.key === 'Enter' || event.key === ' ') this.#activate(row);
    else if (event.key === 'ArrowRight' && isExpanded === 'false') this.#expand(row);
    else if (event.key === 'ArrowRight' && isExpanded === 'true') all[at + 1]?.focus();
    else if (event.key === 'ArrowLeft' && isExpanded === 'true') this.#collapse(row);
    else if (event.key === 'ArrowLeft') parent?.focus();
    else return;
    event.preventDefault();
  }
}

/** Whether a row is the path, or a directory on the way to it. @param {string} path @param {TreeRow} row */
const isOn = (path, row) => path === row.path || (row.isDir && path.startsWith(row.path.endsWith(':') ? row.path : `${row.path}/`));
