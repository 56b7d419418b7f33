/** A tool call: a line that unfolds into its input and its result. */
import { inputFields, inputSummary, toolIcon, toolName, toolOutcome } from '../step_text.js';
import { element, setText } from './dom.js';
import { icon, setIcon } from './icon.js';

export class ToolCall extends HTMLElement {
  /** @type {import('../store.js').ToolPart | null} */
  #part = null;
  #root = '';
  #icon = icon('tool');
  #name = element('span', { className: 'tool' });
  #input = element('span', { className: 'input' });
  #outcome = element('span', { className: 'outcome' });
  #body = element('div', { className: 'body' });
  #details = element('details', { ontoggle: () => this.#fill() },
    element('summary', {}, this.#icon, this.#name, ' ', this.#input, this.#outcome), this.#body);

  connectedCallback() {
    if (!this.#details.parentNode) this.append(this.#details);
  }

  /** @param {import('../store.js').ToolPart} part @param {string} root the project's directory */
  update(part, root) {
    if (part === this.#part) return;
    this.#part = part;
    this.#root = root;
    setIcon(this.#icon, toolIcon(part.tool));
    setText(this.#name, toolName(part.tool));
    setText(this.#input, inputSummary(part.input, root));
    const outcome = toolOutcome(part);
    setText(this.#outcome, outcome ? ` · ${outcome}` : '');
    this.toggleAttribute('data-running', !part.result);
    this.toggleAttribute('data-failed', part.result?.ok === false);
    this.#fill();
  }

  /** Renders input and result once the call is unfolded, because results can be long. */
  #fill() {
    if (!this.#details.open || !this.#part) return;
    const { input, result } = this.#part;
    /** @type {HTMLElement[]} */
    const content = [element('dl', { className: 'given' }, ...inputFields(input, this.#root).flatMap(([name, value]) => [
      element('dt', {}, name), element('dd', {}, value),
    ]))];
    if (!result) content.push(element('p', {}, 'Still running.'));
    else if (result.content) content.push(element('pre', { tabIndex: 0, 'aria-label': 'Result' }, result.content));
    if (result?.truncated) content.push(element('p', {}, 'The rest of the result was not stored.'));
    this.#body.replaceChildren(...content);
  }
}

customElements.define('tool-call', ToolCall);
