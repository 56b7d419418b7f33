/** The choice of the agent that the next questions are asked of. Hidden where there is none. */
import { AUTO, chosenAgent } from '../agents.js';
import { agentLabel } from '../text.js';
import { element } from './dom.js';

export class AgentSelect {
  #select = element('select', { id: 'agent', onchange: () => this.#changed() });
  root = element('div', { className: 'agent', hidden: true }, element('label', { for: 'agent' }, 'Agent'), this.#select);
  /** The labels that are shown, by name, as one text. */
  #shown = '';

  /** @param {import('../store.js').Conversation | null} conversation */
  update(conversation) {
    const choices = conversation?.agent?.choices ?? [];
    this.root.hidden = choices.length === 0;
    if (!conversation || choices.length === 0) return;
    const usual = conversation.usualAgent;
    const options = [[AUTO, usual ? `Default: ${agentLabel(usual)}` : 'Default'], ...choices.map((choice) => [choice.name, agentLabel(choice)])];
    const shown = JSON.stringify(options);
    if (this.#shown !== shown) {
      this.#shown = shown;
      this.#select.replaceChildren(...options.map(([value, label]) => element('option', { value }, label)));
    }
    this.#select.value = chosenAgent(conversation);
  }

  #changed() {
    this.#select.dispatchEvent(new CustomEvent('pick-agent', { detail: this.#select.value, bubbles: true }));
  }
}
