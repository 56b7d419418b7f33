/** Consecutive steps, tool calls and thoughts: a few are lines, more are folded into one line with counts. */
import { stepsSummary, inputSummary, toolName } from '../step_text.js';
import { element, setText } from './dom.js';
import { withIcon } from './icon.js';
import { RovingFocus } from './roving_focus.js';
import './tool_call.js';

/** Steps that are shown without folding. */
const MAX_LINES = 3;

/** @typedef {import('../store.js').ToolPart | import('../store.js').ThinkingPart} Step */

export class StepGroup extends HTMLElement {
  /** @type {Map<string, {part: Step, node: HTMLElement}>} */
  #steps = new Map();
  #isOver = false;
  #counts = element('span', { className: 'input' });
  #now = element('span', { className: 'now' });
  #summary = element('summary', { hidden: true }, this.#counts, this.#now);
  #details = element('details', { open: true }, this.#summary);
  /** Of steps that are folded. @type {RovingFocus | null} */
  #roving = null;

  connectedCallback() {
    if (!this.#details.parentNode) this.append(this.#details);
  }

  /**
   * @param {Step} part of this group
   * @param {string} root the project's directory
   * @param {boolean} isOver whether its turn has ended
   */
  update(part, root, isOver) {
    const known = this.#steps.get(part.key);
    if (known?.part === part && isOver === this.#isOver) return;
    this.#isOver = isOver;
    const node = known?.node ?? makeStep(part);
    this.#steps.set(part.key, { part, node });
    if (!known) this.#details.append(node);
    if (known?.part !== part) changeStep(node, part, root);
    const calls = [...this.#steps.values()].map((step) => step.part).filter((step) => step.kind === 'tool');
    const isMany = this.#steps.size > MAX_LINES && calls.length > 1;
    if (isMany && this.#summary.hidden) this.#details.open = false;
    this.#summary.hidden = !isMany;
    this.toggleAttribute('data-single', !isMany);
    if (!isMany) return;
    if (!known || !this.#roving) {
      this.#roving ??= new RovingFocus(this.#details, 'tool-call, .thinking', { controls: 'summary' });
      this.#roving.update();
    }
    setText(this.#counts, stepsSummary(calls));
    const last = calls.at(-1);
    setText(this.#now, last && !last.result && !isOver ? ` · now: ${toolName(last.tool)} ${inputSummary(last.input, root)}` : '');
  }
}

/** @param {Step} part @returns {HTMLElement} */
function makeStep(part) {
  if (part.kind === 'tool') return document.createElement('tool-call');
  return element('details', { className: 'thinking' }, element('summary', {}, ...withIcon('thought', 'Thinking')), element('p'));
}

/** @param {any} node @param {Step} part @param {string} root */
function changeStep(node, part, root) {
  if (part.kind === 'tool') node.update(part, root);
  else grow(node.lastElementChild, part.content);
}

/** @param {HTMLElement} node @param {string} text */
function grow(node, text) {
  const before = node.textContent ?? '';
  if (before && text.startsWith(before)) node.append(text.slice(before.length));
  else setText(node, text);
}

customElements.define('step-group', StepGroup);
