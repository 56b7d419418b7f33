/** One tool call: a line that unfolds into what went in and what came out. */
import { inputFields, inputSummary, toolName, toolOutcome } from '../step_text.js';
import { element, setText } from './dom.js';

export class ToolCall extends HTMLElement {
  /** @type {import('../store.js').ToolPart | null} */
  #part = null;
  #root = '';
  #name = element('span', { className: 'tool' });
  #input = element('span', { className: 'input' });
  #outcome = element('span', { className: 'outcome' });
  #body = element('div', { className: 'body' });
  #details = element('details', { ontoggle: () => this.#fill() },
    element('summary', {}, this.#name, ' ', this.#input, this.#outcome), this.#body);

  connectedCallback() {
    if (!this.#details.parentNode) this.append(this.#details);
  }

  /** @param {import('../store.js').ToolPart} part @param {string} root the project's directory */
  update(part, root) {
    if (part === this.#part) return;
    this.#part = part;
    this.#root = root;
    setText(this.#name, toolName(part.tool));
    setText(this.#input, inputSummary(part.input, root));
    const outcome = toolOutcome(part);
    setText(this.#outcome, outcome ? ` · ${outcome}` : '');
    this.toggleAttribute('data-failed', part.result?.ok === false);
    this.#fill();
  }

  /** Results can be long and most are never looked at: they are put in when the card is opened. */
  #fill() {
    if (!this.#details.open || !this.#part) return;
    const { input, result } = this.#part;
    /** @type {HTMLElement[]} */
    const pieces = [element('dl', { className: 'given' }, ...inputFields(input, this.#root).flatMap(([name, value]) => [
      element('dt', {}, name), element('dd', {}, value),
    ]))];
    if (!result) pieces.push(element('p', {}, 'Still running.'));
    else if (result.content) pieces.push(element('pre', { tabIndex: 0, 'aria-label': 'Result' }, result.content));
    if (result?.truncated) pieces.push(element('p', {}, 'The rest of the result is not kept.'));
    this.#body.replaceChildren(...pieces);
  }
}

customElements.define('tool-call', ToolCall);
