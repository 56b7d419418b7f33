/**
 * Keeps a long conversation light: turns far from the screen rest as empty boxes of their height.
 * Keeps what is read where it is, whatever changes above it; and the end in sight for who is there.
 */

/** Pixels beyond the screen in which turns are whole, and beyond which they rest again. */
const WHOLE = 1200;
const REST = 3000;

/** Who is within this many pixels of the end is at the end. */
const AT_END = 48;

/** How often the choice is made anew within one frame. */
const MOST_ROUNDS = 4;

/** How deep a place is looked for within a turn. */
const DEEPEST = 8;

/** Milliseconds of each frame in which turns are made whole for a search. */
const SHARE = 8;

/** @typedef {import('./turn_view.js').TurnView} TurnView */

export class VirtualList {
  /** @type {{node: Element, offset: number}[]} what stands at the top of the screen, the innermost last */
  #place = [];
  /** Turns that are whole. @type {Set<TurnView>} */
  #whole = new Set();
  /** Whether all are to be. */
  #isSearched = false;
  /** How the scroller was when this last saw to it. */
  #last = { top: 0, height: 0, screen: '' };
  atEnd = true;

  /** @param {HTMLElement} scroller @param {HTMLElement} turns holds nothing but turns */
  constructor(scroller, turns) {
    this.scroller = scroller;
    this.turns = turns;
  }

  /** Another conversation comes. */
  clear() {
    this.atEnd = true;
    this.#place = [];
    this.#whole.clear();
    this.#isSearched = false;
  }

  /** The person, or this, has scrolled. */
  scrolled() {
    const { scrollTop, scrollHeight, clientHeight } = this.scroller;
    const last = this.#last;
    // Told late of what this did itself: something may have changed its height since.
    if (scrollTop === last.top) return;
    // Moved by what grew or by a window that changed its size, and not by the person.
    const hasGrown = scrollTop > last.top && scrollHeight !== last.height;
    if (this.atEnd && (hasGrown || this.#screen !== last.screen)) {
      this.keep();
      return;
    }
    const gap = scrollHeight - scrollTop - clientHeight;
    // Who goes up a little wants to leave the end, and not to be brought back to it.
    this.atEnd = gap < 2 || (gap < AT_END && scrollTop > last.top);
    this.#remember();
    this.#note();
    // What comes whole stands more exactly than what rested.
    if (this.choose()) this.#note();
  }

  /** Something has changed its height: what was read stays where it is. */
  keep() {
    const { scroller } = this;
    if (this.atEnd) scroller.scrollTop = scroller.scrollHeight;
    else {
      const top = scroller.getBoundingClientRect().top;
      const still = this.#place.findLast(({ node }) => node.isConnected);
      const moved = still ? still.node.getBoundingClientRect().top - top - still.offset : 0;
      if (Math.abs(moved) >= 1) scroller.scrollTop += moved;
    }
    this.#remember();
  }

  #remember() {
    const { scrollTop, scrollHeight } = this.scroller;
    this.#last = { top: scrollTop, height: scrollHeight, screen: this.#screen };
  }

  /** What of the conversation can be seen at once. */
  get #screen() {
    return `${this.scroller.clientWidth} ${this.scroller.clientHeight}`;
  }

  /** Makes turns near the screen whole and lets the others rest, until both are as they should be. Says whether something came. */
  choose() {
    let round = 0;
    // A guessed height gives way to the real one, which may bring others near.
    for (; round < MOST_ROUNDS && this.#chooseOnce(); round += 1) this.keep();
    return round > 0;
  }

  /** Goes to a turn. @param {TurnView} view */
  goTo(view) {
    this.atEnd = false;
    this.#show(view);
    const top = () => view.getBoundingClientRect().top - this.scroller.getBoundingClientRect().top - 16;
    this.scroller.scrollTop += top();
    this.#place = [{ node: view, offset: 16 }];
    this.choose();
    this.scroller.scrollTop += top();
    this.#remember();
    this.#note();
  }

  /** The turn at the top of the screen. @returns {TurnView | null} */
  get current() {
    return /** @type {TurnView | undefined} */ (this.turns.children[this.#firstBelow(this.scroller.getBoundingClientRect().top + 24)]) ?? null;
  }

  /** Makes everything whole, a little in each frame, so that the browser's own search finds it. */
  showAll() {
    this.#isSearched = true;
    const more = () => {
      if (!this.#isSearched) return;
      const end = performance.now() + SHARE;
      for (const view of /** @type {Iterable<TurnView>} */ (this.turns.children)) {
        if (performance.now() > end) {
          requestAnimationFrame(more);
          return;
        }
        this.#show(view);
      }
    };
    more();
  }

  /** @param {TurnView} view */
  #show(view) {
    view.show();
    this.#whole.add(view);
  }

  /** Who is at the end wants to stay where this is, whatever comes below. */
  leaveEnd() {
    this.atEnd = false;
    this.#note();
  }

  /** The search is over. */
  showNear() {
    this.#isSearched = false;
  }

  /** Says whether something changed. */
  #chooseOnce() {
    const { top, bottom } = this.scroller.getBoundingClientRect();
    const views = /** @type {HTMLCollectionOf<TurnView>} */ (this.turns.children);
    const focused = document.activeElement;
    const selection = getSelection();
    /** @type {TurnView[]} */
    const toShow = [];
    /** @type {[view: TurnView, height: number][]} */
    const toRest = [];
    const first = this.#firstBelow(top - WHOLE);
    for (let index = first; index < views.length; index += 1) {
      if (views[index].getBoundingClientRect().top > bottom + WHOLE) break;
      if (!views[index].isRendered) toShow.push(views[index]);
    }
    if (!this.#isSearched) {
      for (const view of this.#whole) {
        const box = view.getBoundingClientRect();
        if (box.bottom > top - REST && box.top < bottom + REST) continue;
        if (view.contains(focused) || (selection?.type === 'Range' && selection.containsNode(view, true))) continue;
        toRest.push([view, box.height]);
      }
    }
    for (const [view, height] of toRest) {
      view.rest(height);
      this.#whole.delete(view);
    }
    for (const view of toShow) this.#show(view);
    return toShow.length > 0;
  }

  /** The first turn that ends below this height of the window. @param {number} height */
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

  /** Notes what stands at the top of the screen, as exactly as there are elements. */
  #note() {
    const { top } = this.scroller.getBoundingClientRect();
    this.#place = [];
    let node = /** @type {Element | undefined} */ (this.turns.children[this.#firstBelow(top)]);
    while (node && this.#place.length < DEEPEST) {
      const box = node.getBoundingClientRect();
      this.#place.push({ node, offset: box.top - top });
      // What begins on the screen is exact enough.
      if (box.top >= top) break;
      node = [...node.children].find((child) => child.getBoundingClientRect().bottom > top);
    }
  }
}

/**
 * About how high a turn will be, in pixels, before it was ever shown.
 * @param {import('../store.js').Turn} turn @param {number} width of its text
 */
export function estimateHeight(turn, width) {
  const perLine = Math.max(20, width / 8);
  const lines = (/** @type {number} */ length) => Math.ceil(length / perLine) * 26;
  let height = Math.min(lines(turn.question?.length ?? 0), 500) + 60;
  let before = '';
  for (const part of turn.parts) {
    if (part.kind === 'text') height += part.html.reduce((all, html) => all + lines(html.length * 0.8) + 12, 0);
    else if (part.kind === 'question') height += 200;
    else if (before !== 'step') height += 32;
    before = part.kind === 'text' || part.kind === 'question' ? part.kind : 'step';
  }
  return height;
}
