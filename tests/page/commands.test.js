// Answers to the agent, from the card to the server's reply.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Commands } from '../../static/commands.js';
import { ServerEvents } from '../../static/server_events.js';
import { initialConversation, reduce } from '../../static/store.js';

const QUESTION = { type: 'question', seq: 3, turn: 1, call_id: 'q', questions: [{ question: 'Which?', options: [] }] };

/** A page whose connection and composer are recorded. */
function open() {
  const sent = [];
  const returned = [];
  const page = {
    state: { project: 'demo', conversation: reduce(initialConversation(1), QUESTION) },
    connection: { attached: true, send: (frame) => sent.push(frame) },
    composer: { giveBack: (text) => returned.push(text) },
    dispatch(event) { this.state.conversation = reduce(this.state.conversation, event); },
  };
  const commands = new Commands(page, { updateAddress() {} });
  const events = new ServerEvents(page, { updateAddress() {} }, commands, { asked() {} });
  events.refreshList = () => null;
  commands.answer({ callId: 'q', answers: { 0: 'This one' } });
  return { events, id: sent[0].message_id, returned };
}

test('the text of an answer that the server refuses comes back', () => {
  const { events, id, returned } = open();
  events.receive({ type: 'error', message_id: id, content: 'The question is over.' });
  assert.deepEqual(returned, ['This one']);
});

test('the text of an answer that the server accepts does not come back', () => {
  const { events, id, returned } = open();
  events.receive({ type: 'accepted', message_id: id, seq: 4, turn: 2, position: 0 });
  events.receive({ type: 'error', message_id: id, content: 'late' });
  assert.deepEqual(returned, []);
});
