// The agent of a conversation: its name, the choice, and what each question says of it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { agentsOfTurns, chosenAgent, chosenEffort, nextAgent, takesEffort, unsentAgent } from '../../static/agents.js';
import { initialConversation, reduce } from '../../static/store.js';
import { agentLabel, askedOfText } from '../../static/text.js';

const CHOICES = [{ name: 'claude', kind: 'claude' }, { name: 'guide', kind: 'guide' }, { name: 'local', kind: 'model', model: 'qwen3:8b' }];
const attached = (name, kind = name, after = 0) => (
  { type: 'attached', conversation_id: 1, seq: 9, after, agent: { kind, name, choices: CHOICES } });
const asked = (turn, more = {}) => ({ type: 'user_message', seq: turn * 10, turn, content: 'Where?', ...more });
const picked = (name) => ({ type: 'agent-picked', name });
const CAUGHT_UP = { type: 'caught_up', seq: 9 };
const play = (...frames) => frames.reduce(reduce, initialConversation(1));
const open = (...frames) => play(attached('claude'), CAUGHT_UP, ...frames);

test('an agent is called by its name and model, and the built-in ones by theirs', () => {
  assert.equal(agentLabel(CHOICES[2]), 'local · qwen3:8b');
  assert.equal(agentLabel({ kind: 'claude', name: 'claude', model: 'opus' }), 'Claude · opus');
  assert.equal(agentLabel({ kind: 'guide', name: 'second' }), 'second');
  assert.equal(agentLabel({ kind: 'model', name: 'claude' }), 'claude');
  assert.equal(agentLabel({ kind: 'guide' }), 'built-in guide');
  assert.equal(agentLabel({ kind: 'none' }), 'no agent');
});

test('a choice is shown at once, and sent until the server has it', () => {
  const state = open(picked('local'));
  assert.equal(chosenAgent(state), 'local');
  assert.equal(nextAgent(state).model, 'qwen3:8b');
  assert.equal(unsentAgent(state), 'local');
  const sent = [{ type: 'submitted', message_id: 'm', content: 'Where?' }, asked(1, { message_id: 'm', agent: 'local' })];
  const after = sent.reduce(reduce, state);
  assert.deepEqual([chosenAgent(after), unsentAgent(after)], ['local', undefined]);
  assert.equal(unsentAgent(reduce(after, picked('auto'))), 'auto');
  assert.equal(unsentAgent(reduce(after, picked('local'))), undefined);
});

test('the choice follows a question of anyone that names an agent, but not one asked again', () => {
  assert.equal(chosenAgent(open(asked(1, { agent: 'local' }))), 'local');
  assert.equal(chosenAgent(open(picked('guide'), asked(1, { agent: 'local' }))), 'local');
  assert.equal(chosenAgent(open(asked(1, { agent: 'local' }), asked(2, { agent: 'guide', retry_of: 1 }))), 'local');
  assert.equal(chosenAgent(open(picked('guide'), asked(1))), 'guide', 'a question that names none changes nothing');
  assert.equal(chosenAgent(open(asked(1, { agent: 'local' }), asked(2, { agent: 'auto' }))), 'auto');
});

test('a choice that was made since a question was sent stays', () => {
  const state = open(picked('local'), { type: 'submitted', message_id: 'm', content: 'Where?' }, picked('auto'));
  assert.equal(unsentAgent(state), 'auto');
  const after = reduce(state, asked(1, { message_id: 'm', agent: 'local' }));
  assert.deepEqual([chosenAgent(after), unsentAgent(after)], ['auto', 'auto']);
});

test('a reconnection keeps the choice, sent or not, and the default is known again', () => {
  const lost = [{ type: 'connection', phase: 'lost' }, attached('local', 'model', 20), CAUGHT_UP];
  assert.equal(chosenAgent(open(picked('guide'), ...lost)), 'guide');
  const state = open(asked(1, { agent: 'local' }), ...lost);
  assert.equal(chosenAgent(state), 'local');
  assert.equal(nextAgent(reduce(state, picked('auto'))).name, 'claude');
  const reloaded = play(attached('local', 'model'), asked(1, { agent: 'local' }), CAUGHT_UP);
  assert.equal(nextAgent(reloaded).name, 'local');
  assert.equal(agentLabel(nextAgent(reduce(reloaded, picked('auto')))), 'default agent');
  assert.equal(nextAgent(play(attached('local', 'model'))).name, 'local', 'before the replay the server knows best');
});

test('an agent that is not configured any more counts as none', () => {
  assert.equal(chosenAgent(open(asked(1, { agent: 'gone' }))), 'auto');
  const single = play({ ...attached('claude'), agent: { kind: 'claude', name: 'claude' } }, CAUGHT_UP, asked(1, { agent: 'local' }));
  assert.equal(agentLabel(nextAgent(single)), 'Claude');
});

test('a question says of whom it was asked where that is another one than before', () => {
  const state = open(asked(1), asked(2, { agent: 'local' }), asked(3), asked(4, { agent: 'guide', retry_of: 3 }), asked(5), asked(6, { agent: 'auto' }));
  assert.deepEqual(agentsOfTurns(state).map((one) => (one.isOther ? askedOfText(one) : '')), [
    '', 'Asked of local', '', 'Asked of the built-in guide', 'Asked of local', 'Asked of the default agent',
  ]);
  assert.deepEqual(agentsOfTurns(state).map(({ kind }) => kind), ['claude', 'model', 'model', 'guide', 'model', 'claude']);
});

test('an effort is asked for where the next agent takes it', () => {
  const choices = [{ name: 'claude', kind: 'claude', effort: true }, { name: 'guide', kind: 'guide' }];
  const frame = { ...attached('claude'), agent: { kind: 'claude', name: 'claude', effort: true, choices } };
  const state = play(frame, CAUGHT_UP);
  assert.deepEqual([takesEffort(state), chosenEffort(state)], [true, undefined]);
  const quick = reduce(state, { type: 'effort-picked', effort: 'quick' });
  assert.equal(chosenEffort(quick), 'quick');
  const guide = reduce(quick, picked('guide'));
  assert.deepEqual([takesEffort(guide), chosenEffort(guide)], [false, undefined]);
  assert.equal(chosenEffort(reduce(quick, { type: 'effort-picked', effort: '' })), undefined);
  assert.equal(takesEffort(play({ ...attached('guide'), agent: { kind: 'guide', name: 'guide' } })), false);
});
