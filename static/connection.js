/**
 * The connection to one conversation: opens it, asks for what was missed, keeps what was not yet
 * accepted and sends it again, notices silence, and reconnects. Knows frames, not what they mean
 * on the screen.
 */
import * as protocol from './protocol.js';

/** Milliseconds. */
const FIRST_DELAY = 500;
const LONGEST_DELAY = 30_000;
const DELAY_WHEN_FULL = 5_000;
const PING_EVERY = 30_000;
const OPEN_TIMEOUT = 15_000;
/** A server that does not answer a ping in this time is gone, whatever the socket says. */
const PONG_TIMEOUT = 10_000;

/** An agent that was started and not asked is there for longer than this. */
const TYPING_EVERY = 30_000;

/** `readyState` of a socket that takes frames. */
const OPEN = 1;

const FINAL = new Set([
  protocol.CLOSE_BAD_PROJECT_NAME,
  protocol.CLOSE_NO_SUCH_PROJECT,
  protocol.CLOSE_NO_SUCH_CONVERSATION,
]);
const FULL = new Set([protocol.CLOSE_TOO_MANY, protocol.CLOSE_TRY_LATER]);

/**
 * @typedef {{phase: 'connecting' | 'open' | 'lost' | 'ended', code?: number}} ConnectionState
 * `open` means attached; `lost` means that it is tried again; `ended` means that it is not.
 *
 * @typedef {object} Options
 * @property {string} url
 * @property {number | null} conversationId
 * @property {import('./protocol.js').AcceptedOnce[]} [outbox] messages that an earlier page could not deliver
 * @property {(frame: import('./protocol.js').ServerFrame) => void} onFrame
 * @property {(state: ConnectionState) => void} onState
 * @property {(outbox: import('./protocol.js').AcceptedOnce[]) => void} [onOutbox] the outbox changed
 * @property {(url: string) => WebSocket} [connect]
 * @property {() => number} [random]
 */

export class Connection {
  /** @param {Options} options */
  constructor(options) {
    this.options = options;
    this.conversationId = options.conversationId;
    /** Everything up to here has been handed on. */
    this.after = 0;
    this.attached = false;
    /** When the server was last told that somebody is about to ask. */
    this.toldTyping = -Infinity;
    /** @type {Map<string, import('./protocol.js').AcceptedOnce>} */
    this.outbox = new Map((options.outbox ?? []).map((frame) => [frame.message_id, frame]));
    /** @type {WebSocket | null} */
    this.socket = null;
    this.attempt = 0;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.retryTimer = undefined;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.watchTimer = undefined;
    this.ended = false;
    /** Whether anything came since the last ping. */
    this.heard = false;
    /** @type {import('./protocol.js').HtmlFrame[]} parts of an answer that wait for those that belong to them */
    this.parts = [];
  }

  open() {
    if (this.ended || this.socket) return;
    clearTimeout(this.retryTimer);
    this.options.onState({ phase: 'connecting' });
    const connect = this.options.connect ?? ((url) => new WebSocket(url));
    const socket = connect(this.options.url);
    this.socket = socket;
    this.wait(OPEN_TIMEOUT, () => this.lose(0));
    socket.addEventListener('open', () => {
      if (socket !== this.socket) return;
      this.send(protocol.start(this.conversationId, this.after));
      this.wait(PING_EVERY, () => this.ping());
    });
    socket.addEventListener('message', (event) => {
      if (socket === this.socket) this.receive(event.data);
    });
    socket.addEventListener('close', (event) => {
      if (socket === this.socket) this.lose(event.code);
    });
  }

  /** Leaves for good. Messages that were not accepted stay with whoever keeps the outbox. */
  close() {
    this.ended = true;
    this.drop();
  }

  /** Tries again now instead of after the delay. */
  retryNow() {
    if (this.socket || this.ended) return;
    this.attempt = 0;
    this.open();
  }

  /** The network came or went: tries again now, or finds out whether the socket is still one. */
  probe() {
    if (this.socket?.readyState === OPEN) this.ping();
    else this.retryNow();
  }

  /**
   * Sends a question, now or as soon as there is a connection, until it is accepted or refused.
   * @param {import('./protocol.js').AcceptedOnce} frame
   */
  submit(frame) {
    this.outbox.set(frame.message_id, frame);
    this.options.onOutbox?.([...this.outbox.values()]);
    if (this.attached) this.send(frame);
  }

  /** Somebody is about to ask. The server is told now and then. */
  typing() {
    const now = Date.now();
    if (!this.attached || now - this.toldTyping < TYPING_EVERY) return;
    if (this.send(protocol.typing())) this.toldTyping = now;
  }

  /**
   * Sends a frame that has no second chance. Says whether it left.
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
    this.heard = true;
    switch (frame.type) {
      case 'conversation_created':
        this.conversationId = frame.conversation_id;
        break;
      case 'attached':
        this.conversationId = frame.conversation_id;
        this.attached = true;
        this.toldTyping = -Infinity;
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
    // Streamed frames come in the order of `seq`, and a replayed one may stand before what was seen.
    // `accepted` is none of them: it may come before what was streamed earlier.
    if (frame.type === 'html') {
      // Only all of them together are what the number stands for.
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
   * A message that the server knows, or has refused, is not sent again.
   * @param {string | undefined} messageId
   */
  settle(messageId) {
    if (messageId && this.outbox.delete(messageId)) {
      this.options.onOutbox?.([...this.outbox.values()]);
    }
  }

  /** @param {number} code */
  lose(code) {
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

  /** Lets go of the socket, which is not listened to from here on. */
  drop() {
    clearTimeout(this.retryTimer);
    clearTimeout(this.watchTimer);
    const socket = this.socket;
    this.socket = null;
    this.attached = false;
    socket?.close();
  }

  /** Gives the connection up when a ping brings no answer, nor anything else. */
  ping() {
    this.heard = false;
    this.send(protocol.ping());
    this.wait(PONG_TIMEOUT, () => {
      if (this.heard) this.wait(PING_EVERY - PONG_TIMEOUT, () => this.ping());
      else this.lose(0);
    });
  }

  /** @param {number} milliseconds @param {() => void} then */
  wait(milliseconds, then) {
    clearTimeout(this.watchTimer);
    this.watchTimer = setTimeout(then, milliseconds);
  }
}

/**
 * Milliseconds before the next attempt: doubling, capped, and spread so that the pages of a whole
 * team do not come back in one instant.
 * @param {number} attempt from 0
 * @param {boolean} full the server asked for patience
 * @param {number} random from 0 to 1
 */
export function delay(attempt, full, random) {
  const whole = Math.min(LONGEST_DELAY, (full ? DELAY_WHEN_FULL : FIRST_DELAY) * 2 ** Math.min(attempt, 10));
  return whole / 2 + (whole / 2) * random;
}
