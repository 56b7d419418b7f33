// The connection: what it asks for again, what it resends, and when it gives up.
import assert from 'node:assert/strict';
import { beforeEach, mock, test } from 'node:test';
import * as protocol from '../../static/protocol.js';
import { Connection, delay } from '../../static/connection.js';

/** A socket whose other end is the test. */
class Wire extends EventTarget {
  readyState = 0;

  sent = [];

  send(text) {
    this.sent.push(JSON.parse(text));
  }

  close() {
    this.readyState = 3;
  }

  accept() {
    this.readyState = 1;
    this.dispatchEvent(new Event('open'));
  }

  say(...frames) {
    for (const frame of frames) {
      this.dispatchEvent(Object.assign(new Event('message'), { data: JSON.stringify(frame) }));
    }
  }

  break(code = 1006) {
    this.dispatchEvent(Object.assign(new Event('close'), { code }));
  }
}

const attached = (id, seq, after = 0) => ({
  type: 'attached', conversation_id: id, title: null, seq, after, resumed: after > 0, state: 'idle',
});
const text = (seq, more = false) => ({
  type: 'html', seq, turn: 1, block: 0, part: 0, parts: 2, html: '<p>x</p>', ...(more ? { more } : {}),
});
const caughtUp = (seq) => ({ type: 'caught_up', seq });

/** A connection with every socket it opened, every frame and every state it reported. */
function connection(options = {}) {
  const log = { wires: [], frames: [], states: [], outbox: null };
  const made = new Connection({
    url: 'ws://test', conversationId: 7, random: () => 0,
    connect: () => {
      const wire = new Wire();
      log.wires.push(wire);
      return wire;
    },
    onFrame: (frame) => log.frames.push(frame),
    onState: (state) => log.states.push(state.phase),
    onOutbox: (outbox) => { log.outbox = outbox; },
    ...options,
  });
  made.open();
  log.wires[0]?.accept();
  return { made, log, wire: () => log.wires.at(-1) };
}

beforeEach(() => {
  mock.timers.reset();
  mock.timers.enable({ apis: ['setTimeout'] });
});

test('a reconnect asks for what came after the last frame', () => {
  const { log, wire } = connection();
  assert.deepEqual(wire().sent, [{ type: 'start', protocol: 1, format: 'html', changes: true, conversation_id: 7, list: true }]);
  wire().say(attached(7, 2), text(1), text(2), caughtUp(2), text(3));
  wire().break();
  mock.timers.tick(500);
  wire().accept();
  assert.deepEqual(wire().sent, [{ type: 'start', protocol: 1, format: 'html', changes: true, conversation_id: 7, list: true, after: 3 }]);
  assert.deepEqual(log.states, ['connecting', 'open', 'lost', 'connecting']);
});

test('a replay that was cut off goes on where it was', () => {
  const { wire } = connection();
  wire().say(attached(7, 9), text(4), text(6));
  wire().break();
  mock.timers.tick(500);
  wire().accept();
  assert.equal(wire().sent[0].after, 6);
});

test('parts of an answer that belong together are shown together, or not at all', () => {
  const { log, wire } = connection();
  wire().say(attached(7, 9), text(4), text(6, true));
  assert.deepEqual(log.frames.map((frame) => frame.seq), [9, 4]);
  wire().break();
  mock.timers.tick(500);
  wire().accept();
  assert.equal(wire().sent[0].after, 4);
  wire().say(attached(7, 9, 4), text(6, true), text(6));
  assert.deepEqual(log.frames.map((frame) => frame.seq), [9, 4, 9, 6, 6]);
  wire().break();
  mock.timers.tick(1000);
  wire().accept();
  assert.equal(wire().sent[0].after, 6);
});

test('a number that the server lost is not asked for again', () => {
  const { wire } = connection();
  wire().say(attached(7, 9), text(9), caughtUp(9));
  wire().break();
  mock.timers.tick(500);
  wire().accept();
  wire().say(attached(7, 4, 4));
  wire().break();
  mock.timers.tick(1000);
  wire().accept();
  assert.equal(wire().sent[0].after, 4);
});

test('an acknowledgement says nothing about what was streamed before it', () => {
  const { made, wire } = connection();
  wire().say(attached(7, 3), text(3), caughtUp(3));
  made.submit(protocol.message('m1', 'Where?'));
  wire().say({ type: 'accepted', message_id: 'm1', seq: 9, turn: 2, position: 1 });
  wire().break();
  mock.timers.tick(500);
  wire().accept();
  assert.equal(wire().sent[0].after, 3);
});

test('a new conversation is found again by its id', () => {
  const { wire } = connection({ conversationId: null });
  assert.equal(wire().sent[0].conversation_id, null);
  wire().say({ type: 'conversation_created', conversation_id: 12 }, attached(12, 0));
  wire().break();
  mock.timers.tick(500);
  wire().accept();
  assert.equal(wire().sent[0].conversation_id, 12);
});

test('a message is sent again with the same id until it is accepted', () => {
  const { made, log, wire } = connection();
  made.submit(protocol.message('m1', 'Where?'));
  assert.equal(wire().sent.length, 1, 'nothing is sent before the conversation is attached');
  wire().say(attached(7, 0), caughtUp(0));
  const message = { type: 'message', message_id: 'm1', content: 'Where?' };
  assert.deepEqual(wire().sent[1], message);
  wire().break();
  mock.timers.tick(500);
  wire().accept();
  wire().say(attached(7, 0), caughtUp(0));
  assert.deepEqual(wire().sent[1], message);
  wire().say({ type: 'accepted', message_id: 'm1', seq: 1, turn: 1, position: 0 });
  assert.deepEqual(log.outbox, []);
  wire().break();
  mock.timers.tick(500);
  wire().accept();
  wire().say(attached(7, 1), caughtUp(1));
  assert.deepEqual(wire().sent.map((frame) => frame.type), ['start']);
});

test('a refused message and one that is found in the replay are not sent again', () => {
  const { made, log, wire } = connection();
  wire().say(attached(7, 0), caughtUp(0));
  made.submit(protocol.message('m1', 'one'));
  made.submit(protocol.message('m2', 'two'));
  wire().say({ type: 'error', message_id: 'm1', content: 'full' });
  wire().say({ type: 'user_message', message_id: 'm2', seq: 1, turn: 1, content: 'two' });
  assert.deepEqual(log.outbox, []);
});

test('a socket that is silent is given up', () => {
  // A timer that is set while time passes counts from then on: time passes in small steps.
  const pass = (seconds) => {
    for (let second = 0; second < seconds; second += 1) mock.timers.tick(1000);
  };
  const { log, wire } = connection();
  wire().say(attached(7, 0), caughtUp(0));
  pass(30);
  assert.deepEqual(wire().sent.at(-1), { type: 'ping' });
  wire().say({ type: 'pong' });
  pass(30);
  assert.equal(wire().sent.filter((frame) => frame.type === 'ping').length, 2);
  pass(9);
  assert.equal(log.states.at(-1), 'open');
  pass(1);
  assert.equal(log.states.at(-1), 'lost');
});

test('a project or a conversation that does not exist is not tried again', () => {
  for (const code of [4000, 4004, 4404]) {
    const { log, wire } = connection();
    wire().break(code);
    mock.timers.tick(120_000);
    assert.equal(log.wires.length, 1);
    assert.equal(log.states.at(-1), 'ended');
  }
});

test('attempts come at doubling, capped and spread delays', () => {
  assert.deepEqual([0, 1, 2, 3].map((attempt) => delay(attempt, false, 1)), [500, 1000, 2000, 4000]);
  assert.equal(delay(50, false, 1), 30_000);
  assert.equal(delay(50, false, 0), 15_000);
  assert.equal(delay(0, true, 1), 5_000);
});

test('a socket that was left tells nothing any more', () => {
  const { made, log, wire } = connection();
  made.close();
  const before = log.states.length;
  wire().say(text(1));
  wire().break();
  mock.timers.tick(120_000);
  assert.deepEqual(log.frames, []);
  assert.equal(log.states.length, before);
  assert.equal(log.wires.length, 1);
});

test('the server is told that somebody is about to ask, once in a while and on every socket', () => {
  mock.timers.reset();
  mock.timers.enable({ apis: ['setTimeout', 'Date'] });
  const { made, wire } = connection();
  const typingFrames = () => wire().sent.filter((frame) => frame.type === 'typing').length;
  made.typing();
  assert.equal(typingFrames(), 0, 'not before it follows a conversation');
  wire().say(attached(7, 0), caughtUp(0));
  for (let key = 0; key < 9; key += 1) made.typing();
  assert.equal(typingFrames(), 1);
  mock.timers.tick(29_000);
  made.typing();
  assert.equal(typingFrames(), 1);
  mock.timers.tick(2_000);
  made.typing();
  assert.equal(typingFrames(), 2);
  wire().break();
  mock.timers.tick(500);
  wire().accept();
  wire().say(attached(7, 0), caughtUp(0));
  made.typing();
  assert.equal(typingFrames(), 1, 'the server may be another one');
});

/** A connection where no WebSocket opens, with the streams of events that it opened. */
function behindProxy(options = {}) {
  const streams = [];
  const told = [];
  const { made, log } = connection({
    connectEvents: () => {
      const stream = new Wire();
      streams.push(stream);
      return stream;
    },
    onWithoutSocket: () => told.push(true),
    ...options,
  });
  return { made, log, streams, told };
}

/** Loses the open socket and lets three more fail. */
function failSockets({ log, streams }) {
  for (const wait of [500, 1000, 2000, 4000]) {
    assert.equal(streams.length, 0);
    log.wires.at(-1).break();
    mock.timers.tick(wait);
  }
  assert.equal(log.wires.length, 4);
}

test('after three sockets that do not open, the connection goes on by events where it was', () => {
  const proxied = behindProxy();
  const { made, log, streams } = proxied;
  log.wires[0].say(attached(7, 2), text(1), text(2), caughtUp(2));
  made.submit(protocol.message('m1', 'Where?'));
  failSockets(proxied);
  streams[0].accept();
  assert.equal(streams[0].sent[0].after, 2);
  streams[0].say(attached(7, 3, 2), caughtUp(2));
  assert.deepEqual(streams[0].sent[1], { type: 'message', message_id: 'm1', content: 'Where?' });
  assert.equal(log.states.at(-1), 'open');
});

test('while the server is away, sockets and events are tried in turn', () => {
  const proxied = behindProxy();
  const { log, streams } = proxied;
  failSockets(proxied);
  for (const turn of [1, 2, 3]) {
    assert.deepEqual([log.wires.length, streams.length], [3 + turn, turn]);
    streams.at(-1).break();
    mock.timers.tick(30_000);
    log.wires.at(-1).break();
    mock.timers.tick(30_000);
  }
  assert.deepEqual(proxied.told, [], 'nothing is known of a proxy');
});

test('a server that was away is not taken for a proxy: a socket is tried once events come', () => {
  const proxied = behindProxy();
  const { log, streams } = proxied;
  failSockets(proxied);
  streams[0].accept();
  streams[0].say(attached(7, 0), text(5));
  const probe = log.wires.at(-1);
  assert.equal(log.wires.length, 5);
  const told = log.states.length;
  probe.accept();
  assert.deepEqual(log.states.slice(told), [], 'nothing is lost when the connection moves to the socket');
  assert.deepEqual(probe.sent, [], 'a socket that is tried says nothing');
  assert.equal(streams[0].readyState, 3);
  log.wires.at(-1).accept();
  assert.equal(log.wires.at(-1).sent[0].after, 5);
  assert.deepEqual(proxied.told, []);
});

test('behind a proxy it is told, and a socket is tried now and then', () => {
  const proxied = behindProxy();
  const { made, log, streams, told } = proxied;
  failSockets(proxied);
  streams[0].accept();
  streams[0].say(attached(7, 0));
  log.wires.at(-1).break();
  assert.equal(told.length, 1);
  for (let second = 0; second < 120; second += 10) {
    assert.equal(log.wires.length, 5);
    mock.timers.tick(10_000);
    streams[0].say({ type: 'pong' });
  }
  assert.equal(log.wires.length, 6);
  made.close();
  log.wires.at(-1).accept();
  mock.timers.tick(120_000);
  assert.equal(log.wires.length, 6, 'a connection that was closed tries none');
});

test('the next conversation begins without a socket where this one does without', () => {
  const { made, log, streams } = behindProxy({ withoutSocket: true });
  assert.deepEqual([log.wires.length, streams.length], [0, 1]);
  streams[0].accept();
  assert.equal(streams[0].sent[0].type, 'start');
  made.close();
});
