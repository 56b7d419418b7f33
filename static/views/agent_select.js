/** The choice of the agent that the next questions are asked of, and of its effort. Hidden where there is none. */
import { AUTO, chosenAgent, chosenEffort, takesEffort } from '../agents.js';
import { agentLabel } from '../text.js';
import { element } from './dom.js';

const EFFORTS = [['', 'Usual'], ['quick', 'Quick'], ['thorough', 'Thorough']];

/** @param {string} id @param {string} label */
function labelled(id, label) {
  /** @type {HTMLSelectElement} */
  const select = element('select', {
    id, onchange: () => select.dispatchEvent(new CustomEvent(`pick-${id}`, { detail: select.value, bubbles: true })),
  });
  return { select, root: element('div', { className: 'agent', hidden: true }, element('label', { for: id }, label), select) };
}

/** @param {HTMLSelectElement} select @param {string[][]} options values and labels */
const fill = (select, options) => select.replaceChildren(...options.map(([value, label]) => element('option', { value }, label)));

export class AgentSelect {
  #agent = labelled('agent', 'Agent');
  #effort = labelled('effort', 'Effort');
  root = this.#agent.root;
  effort = this.#effort.root;
  /** The labels that are shown, by name, as one text. */
  #shown = '';

  constructor() {
    fill(this.#effort.select, EFFORTS);
  }

  /** @param {import('../store.js').Conversation | null} conversation */
  update(conversation) {
    this.effort.hidden = !conversation || !takesEffort(conversation);
    this.#effort.select.value = (conversation && chosenEffort(conversation)) ?? '';
    const choices = conversation?.agent?.choices ?? [];
    this.root.hidden = choices.length === 0;
    if (!conversation || choices.length === 0) return;
    const usual = conversation.usualAgent;
    const options = [[AUTO, usual ? `Default: ${agentLabel(usual)}` : 'Default'], ...choices.map((choice) => [choice.name, agentLabel(choice)])];
    const shown = JSON.stringify(options);
    if (this.#shown !== shown) {
      this.#shown = shown;
      fill(this.#agent.select, options);
    }
    this.#agent.select.value = chosenAgent(conversation);
  }
}
