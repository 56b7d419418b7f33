/**
 * A connection like a WebSocket where a proxy lets none through: events from the server, requests to it.
 * It has as much of the interface of a WebSocket as `connection.js` uses.
 */

/** The code of a connection that was cut or never opened, as of a WebSocket. */
const CLOSED_ABNORMALLY = 1006;

/** Statuses of a frame that the server will never take; others mean that the stream is gone or too slow. */
const REFUSED = new Set([400, 413]);

export class EventSocket extends EventTarget {
  /** As of a WebSocket: 0 connecting, 1 open, 3 closed. */
  readyState = 0;
  /** Where frames are sent. */
  #address = '';
  /** Frames are sent one after another. */
  #sending = Promise.resolve();
  #source;
  #leave = (/** @type {PageTransitionEvent} */ event) => {
    this.close();
    // The browser may show this page again as it was.
    if (event.persisted) this.#tellEnd(CLOSED_ABNORMALLY);
  };

  /** @param {string} url of the events of a project */
  constructor(url) {
    super();
    this.#source = new EventSource(url);
    this.#source.addEventListener('session', ({ data }) => {
      this.#address = `${url}/${data}`;
      this.readyState = 1;
      this.dispatchEvent(new Event('open'));
    });
    this.#source.addEventListener('message', ({ data }) => this.#receive(data));
    // As a browser answers the pings of a WebSocket, also while timers of a hidden page rest.
    this.#source.addEventListener('ping', () => this.send('{"type":"ping"}'));
    this.#source.addEventListener('close', ({ data }) => this.#end(JSON.parse(data).code));
    // It would connect again by itself, to nothing that is known of this conversation.
    this.#source.addEventListener('error', () => this.#end(CLOSED_ABNORMALLY));
    addEventListener('pagehide', this.#leave);
  }

  /** @param {string} frame */
  send(frame) {
    this.#sending = this.#sending.then(() => this.#post(frame));
  }

  close() {
    if (this.readyState === 3) return;
    this.#stop();
    // A proxy may keep the stream open.
    if (this.#address) fetch(this.#address, { method: 'DELETE', keepalive: true }).catch(() => null);
  }

  /** @param {string} frame */
  async #post(frame) {
    if (this.readyState !== 1) return;
    try {
      const response = await fetch(this.#address, { method: 'POST', headers: { 'content-type': 'application/json' }, body: frame });
      if (response.ok) return;
      if (!REFUSED.has(response.status)) return this.#end(CLOSED_ABNORMALLY);
      const { detail } = await response.json();
      this.#receive(JSON.stringify({ type: 'error', message_id: JSON.parse(frame).message_id, content: detail }));
    } catch {
      this.#end(CLOSED_ABNORMALLY);
    }
  }

  /** @param {string} data */
  #receive(data) {
    if (this.readyState !== 3) this.dispatchEvent(new MessageEvent('message', { data }));
  }

  /** @param {number} code */
  #end(code) {
    if (this.readyState === 3) return;
    this.#stop();
    this.#tellEnd(code);
  }

  /** @param {number} code */
  #tellEnd(code) {
    this.dispatchEvent(Object.assign(new Event('close'), { code }));
  }

  #stop() {
    this.readyState = 3;
    this.#source.close();
    removeEventListener('pagehide', this.#leave);
  }
}
