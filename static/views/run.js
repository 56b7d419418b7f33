/** Tool calls that follow one another: a few stand as lines, more fold into one line with a count. */
import { tellingInput, toolName } from '../words.js';
import { element, setText } from './element.js';
import './tool.js';

/** So many lines are quicker read than unfolded. */
const MOST_LINES = 3;

export class ToolRun extends HTMLElement {
  /** @type {Map<string, {part: import('../store.js').ToolPart, node: import('./tool.js').ToolCall}>} */
  #calls = new Map();
  #words = element('span', { className: 'input' });
  #summary = element('summary', { hidden: true }, this.#words);
  #details = element('details', { open: true }, this.#summary);

  connectedCallback() {
    if (!this.#details.parentNode) this.append(this.#details);
  }

  /** @param {import('../store.js').ToolPart} part one of the run @param {string} root the project's directory */
  update(part, root) {
    const known = this.#calls.get(part.key);
    if (known?.part === part) return;
    const node = known?.node ?? /** @type {import('./tool.js').ToolCall} */ (document.createElement('tool-call'));
    this.#calls.set(part.key, { part, node });
    if (!known) this.#details.append(node);
    node.update(part, root);
    const isMany = this.#calls.size > MOST_LINES;
    if (isMany && this.#summary.hidden) this.#details.open = false;
    this.#summary.hidden = !isMany;
    this.toggleAttribute('data-single', !isMany);
    if (isMany) setText(this.#words, this.#sum(root));
  }

  /** @param {string} root */
  #sum(root) {
    const parts = [...this.#calls.values()].map((call) => call.part);
    const failed = parts.filter((part) => part.result?.ok === false).length;
    const last = /** @type {import('../store.js').ToolPart} */ (parts.at(-1));
    const count = `${parts.length} tool calls${failed > 0 ? `, ${failed} failed` : ''}`;
    return `${count} · ${last.result ? 'last' : 'now'}: ${toolName(last.tool)} ${tellingInput(last.input, root)}`.trim();
  }
}

customElements.define('tool-run', ToolRun);
