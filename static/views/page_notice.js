/**
 * Short notices: one that tells something and goes by itself, and one with something to do about
 * it, which stays as long as that can be done. Neither takes the place of the other.
 */
import { element, setText } from './dom.js';

/** How long a notice stays that nothing can be done about, in milliseconds. */
const SHOWN = 8000;

/**
 * @typedef {object} Offer
 * @property {string} label
 * @property {() => void} act
 * @property {() => void} hold somebody is about to act
 * @property {() => void} release nobody is any more
 * @property {boolean} focus whether the focus goes to it
 */

export class PageNotice extends HTMLElement {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer = undefined;
  /** @type {Offer | null} */
  #offer = null;
  #message = element('p', { className: 'message', hidden: true });
  #words = element('p');
  #button = element('button', { type: 'button', className: 'quiet', onclick: () => this.#offer?.act() });
  #box = element('div', {
    className: 'offer', hidden: true,
    onpointerenter: () => this.#offer?.hold(), onpointerleave: () => this.#offer?.release(),
  }, this.#words, this.#button);

  connectedCallback() {
    this.role = 'status';
    if (!this.#message.parentNode) this.append(this.#box, this.#message);
  }

  /** @param {string} words */
  show(words) {
    clearTimeout(this.#timer);
    setText(this.#message, words);
    this.#message.hidden = false;
    this.#timer = setTimeout(() => { this.#message.hidden = true; }, SHOWN);
  }

  /** @param {string} words @param {Offer} offer */
  offer(words, offer) {
    this.#offer = offer;
    setText(this.#words, words);
    setText(this.#button, offer.label);
    this.#box.hidden = false;
    // After what else gets the focus in this frame.
    if (offer.focus) requestAnimationFrame(() => this.#button.focus());
  }

  /** Nothing can be done about it any more. */
  hideOffer() {
    const hadFocus = this.#box.contains(document.activeElement);
    this.#box.hidden = true;
    this.#offer = null;
    if (hadFocus) /** @type {HTMLElement | null} */ (document.querySelector('#question'))?.focus();
  }
}

customElements.define('page-notice', PageNotice);
