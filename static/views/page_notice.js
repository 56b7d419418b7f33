/**
 * Short notices: a message that disappears by itself, and an offer with a button that stays while it
 * can be taken. Both can be shown at once.
 */
import { element, setText } from './dom.js';
import { setProse } from './prose.js';

/** Milliseconds for which a message is shown. */
const MESSAGE_TIME = 8000;

/**
 * @typedef {object} Offer
 * @property {string} label
 * @property {() => void} act
 * @property {() => void} pause called while the pointer is on the offer
 * @property {() => void} resume
 * @property {boolean} focus whether the button gets the focus
 */

export class PageNotice extends HTMLElement {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer = undefined;
  /** @type {Offer | null} */
  #offer = null;
  #message = element('p', { className: 'message', hidden: true });
  #offerText = element('p');
  #button = element('button', { type: 'button', className: 'quiet', onclick: () => this.#offer?.act() });
  #box = element('div', {
    className: 'offer', hidden: true,
    onpointerenter: () => this.#offer?.pause(), onpointerleave: () => this.#offer?.resume(),
  }, this.#offerText, this.#button);

  connectedCallback() {
    this.role = 'status';
    if (!this.#message.parentNode) this.append(this.#box, this.#message);
  }

  /** @param {string} text */
  show(text) {
    clearTimeout(this.#timer);
    setProse(this.#message, text);
    this.#message.hidden = false;
    this.#timer = setTimeout(() => { this.#message.hidden = true; }, MESSAGE_TIME);
  }

  /** @param {string} text @param {Offer} offer */
  offer(text, offer) {
    this.#offer = offer;
    setText(this.#offerText, text);
    setText(this.#button, offer.label);
    this.#box.hidden = false;
    // After other elements that get the focus in this frame.
    if (offer.focus) requestAnimationFrame(() => this.#button.focus());
  }

  /** The offer cannot be taken any more. */
  hideOffer() {
    const hadFocus = this.#box.contains(document.activeElement);
    this.#box.hidden = true;
    this.#offer = null;
    if (hadFocus) /** @type {HTMLElement | null} */ (document.querySelector('#question'))?.focus();
  }
}

customElements.define('page-notice', PageNotice);
