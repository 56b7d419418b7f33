/**
 * Virtual scrolling: turns far from the screen are placeholders of their height. Keeps the scroll
 * position when something above changes, and the end in sight if the person went there. What was just
 * asked is at the top, with room below it for its answer.
 */

import { isImage } from '../attachments.js';

/** Turns within this many pixels of the screen are rendered. */
const RENDER_MARGIN = 1200;
/** Turns beyond this many pixels become placeholders again. */
const RELEASE_MARGIN = 3000;

/** Pixels from the end that still count as the end. */
const AT_END = 48;

/** Pixels above a turn that is shown at the top. */
const ABOVE = 16;

/** Rounds of rendering within a frame. */
const MAX_ROUNDS = 4;

/** Depth of the anchor within a turn. */
const MAX_DEPTH = 8;

/** Milliseconds of each frame that rendering for a search may take. */
const FRAME_BUDGET = 8;

/** @typedef {import('./turn_view.js').TurnView} TurnView */

export class VirtualList {
  /** @type {{node: Element, offset: number}[]} elements at the top of the screen, innermost last */
  #anchor = [];
  /** @type {Set<TurnView>} */
  #rendered = new Set();
  /** Whether all turns are rendered, for a search. */
  #isSearched = false;
  /** The state of the scroller after its last change here. */
  #last = { top: 0, height: 0, screen: '' };
  /** What was asked last, which can be at the top. @type {Element | null} */
  #asked = null;
  /** Empty pixels below the content. */
  #roomHeight = 0;
  /** Whether the end stays in sight. */
  atEnd = true;

  /**
   * @param {HTMLElement} scroller @param {HTMLElement} turns holds nothing but turns
   * @param {HTMLElement} content all that is read, with the turns @param {HTMLElement} room empty, below the content
   */
  constructor(scroller, turns, content, room) {
    this.scroller = scroller;
    this.turns = turns;
    this.content = content;
    this.room = room;
  }

  /** Prepares for another conversation. */
  clear() {
    this.atEnd = true;
    this.#anchor = [];
    this.#rendered.clear();
    this.#isSearched = false;
    this.#showAsked(null);
  }

  /** Whether the end of the content is on the screen. */
  get showsEnd() {
    return this.#endGap < AT_END;
  }

  /** Pixels of the content below the screen. */
  get #endGap() {
    return this.content.getBoundingClientRect().bottom - this.scroller.getBoundingClientRect().bottom;
  }

  /** Puts what was just asked to the top, from where its answer grows down. @param {Element} asked */
  begin(asked) {
    this.atEnd = false;
    this.#showAsked(asked);
    this.scroller.scrollTop += asked.getBoundingClientRect().top - this.scroller.getBoundingClientRect().top - ABOVE;
    this.#anchor = [{ node: asked, offset: ABOVE }];
    this.renderNear();
    this.#remember();
  }

  /** What was asked has another element, in the same place. @param {Element} asked */
  moveAsked(asked) {
    this.#anchor = this.#anchor.map((anchor) => (anchor.node === this.#asked ? { ...anchor, node: asked } : anchor));
    this.#showAsked(asked);
    this.keepPosition();
  }

  /** @param {Element | null} asked */
  #showAsked(asked) {
    this.#asked = asked;
    this.#makeRoom();
  }

  /** Leaves as much room below the content as puts what was asked to the top. */
  #makeRoom() {
    const { bottom } = this.content.getBoundingClientRect();
    const below = this.#asked?.isConnected ? bottom - this.#asked.getBoundingClientRect().top + ABOVE : Infinity;
    const height = Math.max(0, Math.ceil(this.scroller.clientHeight - below));
    if (height === this.#roomHeight) return;
    this.#roomHeight = height;
    this.room.style.height = `${height}px`;
  }

  /** Handles scroll events, caused by the person or by this list. */
  scrolled() {
    const { scrollTop, scrollHeight, clientHeight } = this.scroller;
    const last = this.#last;
    // A late event of this list's own scrolling: heights may have changed since.
    if (scrollTop === last.top) return;
    // Moved by growth or by a resized window, not by the person.
    const hasGrown = scrollTop > last.top && scrollHeight !== last.height;
    if (this.atEnd && (hasGrown || this.#screen !== last.screen)) {
      this.keepPosition();
      return;
    }
    const gap = scrollHeight - scrollTop - clientHeight;
    // Scrolling up a little leaves the end. An answer that still has room grows without scrolling.
    this.atEnd = this.#roomHeight === 0 && (gap < 2 || (gap < AT_END && scrollTop > last.top));
    this.#remember();
    this.#setAnchor();
    // Rendered turns are a more exact anchor than placeholders.
    if (this.renderNear()) this.#setAnchor();
  }

  /** Restores the scroll position after heights have changed. */
  keepPosition() {
    const { scroller } = this;
    this.#makeRoom();
    if (this.atEnd) scroller.scrollTop = scroller.scrollHeight;
    else {
      const top = scroller.getBoundingClientRect().top;
      const anchor = this.#anchor.findLast(({ node }) => node.isConnected);
      const moved = anchor ? anchor.node.getBoundingClientRect().top - top - anchor.offset : 0;
      if (Math.abs(moved) >= 1) scroller.scrollTop += moved;
    }
    this.#remember();
  }

  #remember() {
    const { scrollTop, scrollHeight } = this.scroller;
    this.#last = { top: scrollTop, height: scrollHeight, screen: this.#screen };
  }

  /** The size of the visible area. */
  get #screen() {
    return `${this.scroller.clientWidth} ${this.scroller.clientHeight}`;
  }

  /** Renders turns near the screen and turns others into placeholders. Returns whether any was rendered. */
  renderNear() {
    let round = 0;
    // Real heights replace estimates, which may bring other turns near.
    for (; round < MAX_ROUNDS && this.#renderNearOnce(); round += 1) this.keepPosition();
    return round > 0;
  }

  /** Scrolls to the end, which stays in sight from now on. */
  goToEnd() {
    this.atEnd = true;
    this.#showAsked(null);
    this.keepPosition();
    this.renderNear();
  }

  /** Scrolls to a turn. @param {TurnView} view */
  goTo(view) {
    this.atEnd = false;
    this.#render(view);
    const top = () => view.getBoundingClientRect().top - this.scroller.getBoundingClientRect().top - ABOVE;
    this.scroller.scrollTop += top();
    this.#anchor = [{ node: view, offset: ABOVE }];
    this.renderNear();
    this.scroller.scrollTop += top();
    this.#remember();
    this.#setAnchor();
  }

  /** The turn at the top of the screen. @returns {TurnView | null} */
  get current() {
    return /** @type {TurnView | undefined} */ (this.turns.children[this.#firstBelow(this.scroller.getBoundingClientRect().top + 24)]) ?? null;
  }

  /** Renders all turns, a few in each frame, so that the browser's own search finds everything. */
  renderAll() {
    this.#isSearched = true;
    const renderSome = () => {
      if (!this.#isSearched) return;
      const end = performance.now() + FRAME_BUDGET;
      for (const view of /** @type {Iterable<TurnView>} */ (this.turns.children)) {
        if (performance.now() > end) {
          requestAnimationFrame(renderSome);
          return;
        }
        this.#render(view);
      }
    };
    renderSome();
  }

  /** Renders all turns at once, to be printed. */
  renderAllNow() {
    this.#isSearched = true;
    for (const view of /** @type {Iterable<TurnView>} */ (this.turns.children)) this.#render(view);
  }

  /** @param {TurnView} view */
  #render(view) {
    view.renderContent();
    this.#rendered.add(view);
  }

  /** Keeps the current position, whatever is added below. */
  leaveEnd() {
    this.atEnd = false;
    this.#setAnchor();
  }

  /** The browser's search is over. */
  endSearch() {
    this.#isSearched = false;
  }

  /** Returns whether a turn was rendered. */
  #renderNearOnce() {
    const { top, bottom } = this.scroller.getBoundingClientRect();
    const views = /** @type {HTMLCollectionOf<TurnView>} */ (this.turns.children);
    const focused = document.activeElement;
    const selection = getSelection();
    /** @type {TurnView[]} */
    const toRender = [];
    /** @type {[view: TurnView, height: number][]} */
    const toRelease = [];
    const first = this.#firstBelow(top - RENDER_MARGIN);
    for (let index = first; index < views.length; index += 1) {
      if (views[index].getBoundingClientRect().top > bottom + RENDER_MARGIN) break;
      if (!views[index].isRendered) toRender.push(views[index]);
    }
    if (!this.#isSearched) {
      for (const view of this.#rendered) {
        const box = view.getBoundingClientRect();
        if (box.bottom > top - RELEASE_MARGIN && box.top < bottom + RELEASE_MARGIN) continue;
        if (view.contains(focused) || (selection?.type === 'Range' && selection.containsNode(view, true))) continue;
        toRelease.push([view, box.height]);
      }
    }
    for (const [view, height] of toRelease) {
      view.showPlaceholder(height);
      this.#rendered.delete(view);
    }
    for (const view of toRender) this.#render(view);
    return toRender.length > 0;
  }

  /** The index of the first turn that ends below this height of the window. @param {number} height */
  #firstBelow(height) {
    const views = this.turns.children;
    let low = 0, high = views.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (views[middle].getBoundingClientRect().bottom > height) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  /** Makes the innermost elements at the top of the screen the anchor. */
  #setAnchor() {
    const { top } = this.scroller.getBoundingClientRect();
    this.#anchor = [];
    let node = /** @type {Element | undefined} */ (this.turns.children[this.#firstBelow(top)]);
    while (node && this.#anchor.length < MAX_DEPTH) {
      const box = node.getBoundingClientRect();
      this.#anchor.push({ node, offset: box.top - top });
      // An element that begins on the screen is exact enough.
      if (box.top >= top) break;
      node = [...node.children].find((child) => child.getBoundingClientRect().bottom > top);
    }
  }
}

/**
 * Estimates the height of a turn that was never rendered.
 * @param {import('../store.js').Turn} turn @param {number} width of its text
 * @returns {number} pixels
 */
export function estimateHeight(turn, width) {
  const perLine = Math.max(20, width / 8);
  const lines = (/** @type {number} */ length) => Math.ceil(length / perLine) * 26;
  let height = Math.min(lines(turn.question?.length ?? 0), 500) + 60;
  const files = turn.attachments ?? [];
  if (files.length > 0) height += files.some(({ type }) => isImage(type)) ? 170 : 52;
  let before = '';
  for (const part of turn.parts) {
    if (part.kind === 'text') height += part.html.reduce((all, html) => all + lines(html.length * 0.8) + 12, 0);
    else if (part.kind === 'question') height += 200;
    else if (before !== 'step') height += 32;
    before = part.kind === 'text' || part.kind === 'question' ? part.kind : 'step';
  }
  return height;
}
