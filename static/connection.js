/**
 * The connection to a conversation: reconnects, asks for missed frames, resends messages that are
 * not accepted yet, and detects a silent server.
 */
import { EventSocket } from './event_socket.js';
import * as protocol from './protocol.js';

// All times are in milliseconds.

const FIRST_DELAY = 500;
const MAX_DELAY = 30_000;
const DELAY_WHEN_FULL = 5_000;
const PING_EVERY = 30_000;
const OPEN_TIMEOUT = 15_000;
/** How long a server may take to answer a ping. */
const PONG_TIMEOUT = 10_000;

/** An agent that was started early stays longer than this without a question. */
const TYPING_EVERY = 30_000;

/** Sockets that do not open before a proxy is suspected, which lets none through. */
const FAILED_SOCKETS = 3;

/** Without sockets, one is tried so often. */
const SOCKET_EVERY = 120_000;

/** The `readyState` of an open socket. */
const OPEN = 1;

const FINAL = new Set([
  protocol.CLOSE_BAD_PROJECT_NAME,
  protocol.CLOSE_NO_SUCH_PROJECT,
  protocol.CLOSE_NO_SUCH_CONVERSATION,
]);
const FULL = new Set([protocol.CLOSE_TOO_MANY, protocol.CLOSE_TRY_LATER]);

/**
 * @typedef {{phase: 'connecting' | 'open' | 'lost' | 'ended', code?: number}} ConnectionState
 * `open` means attached, `lost` that the page reconnects, `ended` that it does not.
 *
 * @typedef {object} Options
 * @property {string} url of the WebSocket
 * @property {string} eventsUrl of the events in its place
 * @property {number | null} conversationId
 * @property {import('./protocol.js').AcceptedOnce[]} [outbox] messages that an earlier page could not send
 * @property {(frame: import('./protocol.js').ServerFrame) => void} onFrame
 * @property {(state: ConnectionState) => void} onState
 * @property {(outbox: import('./protocol.js').AcceptedOnce[]) => void} [onOutbox] called when the outbox changes
 * @property {boolean} [withoutSocket] whether to begin without a WebSocket
 * @property {() => void} [onWithoutSocket] called when no WebSocket opens while events come
 * @property {() => string} [listPosition] in the changes of the list
 * @property {(url: string) => WebSocket} [connect]
 * @property {(url: string) => WebSocket | EventSocket} [connectEvents]
 * @property {() => number} [random]
 */

export class Connection {
  /** @param {Options} options */
  constructor(options) {
    this.options = options;
    this.conversationId = options.conversationId;
    /** The last sequence number that was passed on. */
    this.after = 0;
    this.attached = false;
    /** Time of the last `typing` frame. */
    this.lastTyping = -Infinity;
    /** @type {Map<string, import('./protocol.js').AcceptedOnce>} */
    this.outbox = new Map((options.outbox ?? []).map((frame) => [frame.message_id, frame]));
    /** @type {WebSocket | EventSocket | null} */
    this.socket = null;
    this.attempt = 0;
    /** Sockets in a row that did not open. */
    this.failedSockets = 0;
    /** Whether the connection does without a WebSocket. */
    this.withoutSocket = options.withoutSocket ?? false;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.probeTimer = undefined;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.retryTimer = undefined;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.watchTimer = undefined;
    this.ended = false;
    /** Whether a frame came since the last ping. */
    this.isAlive = false;
    /** @type {import('./protocol.js').HtmlFrame[]} frames that are shown together with a later one */
    this.parts = [];
  }

  open() {
    if (this.ended || this.socket) return;
    clearTimeout(this.retryTimer);
    this.options.onState({ phase: 'connecting' });
    this.begin();
  }

  begin() {
    const socket = this.connect();
    this.socket = socket;
    let hasOpened = false;
    this.onFailure = () => { if (!hasOpened) this.noteFailure(); };
    this.wait(OPEN_TIMEOUT, () => this.lose(0));
    socket.addEventListener('open', () => {
      if (socket !== this.socket) return;
      hasOpened = true;
      if (this.withoutSocket) this.probeSocket();
      else this.failedSockets = 0;
      this.send(protocol.start(this.conversationId, this.after, this.options.listPosition?.()));
      this.wait(PING_EVERY, () => this.ping());
    });
    socket.addEventListener('message', (/** @type {any} */ event) => {
      if (socket === this.socket) this.receive(event.data);
    });
    socket.addEventListener('close', (/** @type {any} */ event) => {
      if (socket === this.socket) this.lose(event.code);
    });
  }

  connect() {
    const { url, eventsUrl, connect, connectEvents } = this.options;
    if (this.withoutSocket) return (connectEvents ?? ((address) => new EventSocket(address)))(eventsUrl);
    return (connect ?? ((address) => new WebSocket(address)))(url);
  }

  /** Goes on without a WebSocket after some have failed, and tries one again after that has failed too: the server may be away. */
  noteFailure() {
    if (this.withoutSocket) this.withoutSocket = false;
    else {
      this.failedSockets += 1;
      this.withoutSocket = this.failedSockets >= FAILED_SOCKETS;
    }
  }

  /**
   * Goes back to a WebSocket if one opens. The first is tried as soon as events come: the server was
   * perhaps away when the others failed.
   */
  probeSocket() {
    const { socket } = this;
    const probe = (this.options.connect ?? ((url) => new WebSocket(url)))(this.options.url);
    const timeout = setTimeout(() => probe.close(), OPEN_TIMEOUT);
    let hasOpened = false;
    probe.addEventListener('open', () => {
      hasOpened = true;
      clearTimeout(timeout);
      probe.close();
      if (socket !== this.socket) return;
      this.withoutSocket = false;
      this.failedSockets = 0;
      // Nothing is lost, so that nobody is told.
      this.drop();
      this.begin();
    });
    probe.addEventListener('close', () => {
      clearTimeout(timeout);
      if (!hasOpened && socket === this.socket) this.options.onWithoutSocket?.();
    });
    this.probeTimer = setTimeout(() => this.probeSocket(), SOCKET_EVERY);
  }

  /** Closes for good. Messages that are not accepted stay in the stored outbox. */
  close() {
    this.ended = true;
    this.drop();
  }

  /** Reconnects without waiting for the delay. */
  retryNow() {
    if (this.socket || this.ended) return;
    this.attempt = 0;
    this.open();
  }

  /** The network came or went: checks the socket or reconnects. */
  probe() {
    if (this.socket?.readyState === OPEN) this.ping();
    else this.retryNow();
  }

  /**
   * Sends a question until it is accepted or refused, now or once there is a connection.
   * @param {import('./protocol.js').AcceptedOnce} frame
   */
  submit(frame) {
    this.outbox.set(frame.message_id, frame);
    this.options.onOutbox?.([...this.outbox.values()]);
    if (this.attached) this.send(frame);
  }

  /** Tells the server now and then that the person is about to ask. */
  typing() {
    const now = Date.now();
    if (!this.attached || now - this.lastTyping < TYPING_EVERY) return;
    if (this.send(protocol.typing())) this.lastTyping = now;
  }

  /**
   * Sends a frame that is not resent. Returns whether it could be sent.
   * @param {import('./protocol.js').ClientFrame} frame
   */
  send(frame) {
    if (this.socket?.readyState !== OPEN) return false;
    this.socket.send(JSON.stringify(frame));
    return true;
  }

  /** @param {unknown} data */
  receive(data) {
    const frame = protocol.parse(data);
    if (!frame) return;
    this.isAlive = true;
    switch (frame.type) {
      case 'conversation_created':
        this.conversationId = frame.conversation_id;
        break;
      case 'attached':
        this.conversationId = frame.conversation_id;
        this.attached = true;
        this.lastTyping = -Infinity;
        this.after = frame.after ?? 0;
        this.parts = [];
        break;
      case 'caught_up':
        this.attempt = 0;
        break;
      case 'accepted':
      case 'user_message':
      case 'error':
        this.settle(frame.message_id);
        break;
    }
    // Streamed frames come in the order of `seq`; a replay may begin before what was received.
    // `accepted` is not streamed: it may overtake earlier frames.
    if (frame.type === 'html') {
      // The sequence number covers all parts together.
      this.parts.push(frame);
      if (frame.more) return;
      this.after = frame.seq;
      for (const part of this.parts.splice(0)) this.options.onFrame(part);
      return;
    }
    if ('turn' in frame && 'seq' in frame && frame.seq && frame.type !== 'accepted') this.after = frame.seq;
    this.options.onFrame(frame);
    if (frame.type === 'attached') {
      this.options.onState({ phase: 'open' });
      for (const unaccepted of this.outbox.values()) this.send(unaccepted);
    }
  }

  /**
   * Forgets a message that the server has accepted or refused.
   * @param {string | undefined} messageId
   */
  settle(messageId) {
    if (messageId && this.outbox.delete(messageId)) {
      this.options.onOutbox?.([...this.outbox.values()]);
    }
  }

  /** @param {number} code */
  lose(code) {
    this.onFailure();
    this.drop();
    if (FINAL.has(code)) {
      this.ended = true;
      this.options.onState({ phase: 'ended', code });
      return;
    }
    const random = this.options.random ?? Math.random;
    this.retryTimer = setTimeout(() => this.open(), delay(this.attempt, FULL.has(code), random()));
    this.attempt += 1;
    this.options.onState({ phase: 'lost', code });
  }

  /** Called when the socket is lost. */
  onFailure() {}

  /** Drops the socket and ignores its later events. */
  drop() {
    clearTimeout(this.retryTimer);
    clearTimeout(this.probeTimer);
    clearTimeout(this.watchTimer);
    const socket = this.socket;
    this.socket = null;
    this.attached = false;
    socket?.close();
  }

  /** Drops the connection if nothing comes after a ping. */
  ping() {
    this.isAlive = false;
    this.send(protocol.ping());
    this.wait(PONG_TIMEOUT, () => {
      if (this.isAlive) this.wait(PING_EVERY - PONG_TIMEOUT, () => this.ping());
      else this.lose(0);
    });
  }

  /** Replaces the running timer. @param {number} milliseconds @param {() => void} then */
  wait(milliseconds, then) {
    clearTimeout(this.watchTimer);
    this.watchTimer = setTimeout(then, milliseconds);
  }
}

/**
 * Milliseconds until the next attempt: doubling, capped, and with jitter, so that many pages do not
 * reconnect at the same time.
 * @param {number} attempt from 0
 * @param {boolean} isFull whether the server is at its limit
 * @param {number} random from 0 to 1
 */
export function delay(attempt, isFull, random) {
  const whole = Math.min(MAX_DELAY, (isFull ? DELAY_WHEN_FULL : FIRST_DELAY) * 2 ** Math.min(attempt, 10));
  return whole / 2 + (whole / 2) * random;
}
