/** Which agent answers: the choice of a conversation, and the agent of each of its questions. Pure. */

/** Asks for the agent of the server's settings. */
export const AUTO = 'auto';

/**
 * @typedef {import('./store.js').Conversation} Conversation
 * @typedef {import('./store.js').Turn} Turn
 * @typedef {'quick' | 'thorough'} Effort how thorough an answer is to be
 * @typedef {{kind: string, name?: string, model?: string, attachments?: string}} Agent
 */

/** Whether a question names an agent for all later ones too. @param {Turn} turn */
const isStanding = (turn) => turn.agent !== undefined && turn.retryOf === undefined;

/** The agent that the questions so far name for later ones. @param {Turn[]} turns */
const standingAgent = (turns) => turns.findLast(isStanding)?.agent ?? AUTO;

/**
 * The name of the agent that the next question is asked of. One that is not configured counts as none.
 * @param {Conversation} conversation
 */
export function chosenAgent({ agent, pickedAgent, turns }) {
  const name = pickedAgent ?? standingAgent(turns);
  return agent?.choices?.some((choice) => choice.name === name) ? name : AUTO;
}

/**
 * The choice to send with the next question; `undefined` where the server has it already.
 * @param {Conversation} conversation
 */
export function unsentAgent({ pickedAgent, turns, pending }) {
  if (pickedAgent === null || (pending.length === 0 && pickedAgent === standingAgent(turns))) return undefined;
  return pickedAgent;
}

/** The agent of the next question, `null` while it is not known. @param {Conversation} conversation @returns {Agent | null} */
export function nextAgent(conversation) {
  const { agent, usualAgent, pickedAgent, caughtUp } = conversation;
  const name = chosenAgent(conversation);
  if (name !== AUTO) return agent?.choices?.find((choice) => choice.name === name) ?? null;
  // Until the replay is complete, its questions may name another one.
  if (!agent?.choices || (pickedAgent === null && !caughtUp)) return agent;
  return usualAgent ?? { kind: AUTO, name: AUTO };
}

/** Whether the agent of the next question can be told how thorough to be. @param {Conversation} conversation */
export function takesEffort(conversation) {
  const { agent, usualAgent } = conversation;
  const name = chosenAgent(conversation);
  const next = name === AUTO ? usualAgent ?? agent : agent?.choices?.find((choice) => choice.name === name);
  return next?.effort ?? false;
}

/** How thorough the next answer is to be; `undefined` leaves it to the agent. @param {Conversation} conversation */
export function chosenEffort(conversation) {
  return takesEffort(conversation) && conversation.effort !== '' ? conversation.effort : undefined;
}

/**
 * The agent of each question, and whether it is another one than that of the question before.
 * @param {Conversation} conversation
 * @returns {{name: string, kind: string, isOther: boolean}[]} in the order of the turns
 */
export function agentsOfTurns({ agent, usualAgent, turns }) {
  let standing = AUTO;
  let before = AUTO;
  return turns.map((turn) => {
    if (isStanding(turn)) standing = turn.agent ?? AUTO;
    const name = turn.agent ?? standing;
    const isOther = name !== before;
    before = name;
    const named = name === AUTO ? usualAgent ?? agent : agent?.choices?.find((choice) => choice.name === name);
    return { name, kind: named?.kind ?? name, isOther };
  });
}
