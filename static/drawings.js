/**
 * Diagrams and formulas of answers: found in parts that no longer change, drawn by the server when they
 * come near the screen. Loaded with the first answer that has one.
 */
import { parseAddress } from './address.js';
import { ApiError, call } from './api.js';
import { showDiagram, showFailure, showFormula, WRITTEN_FORMULA } from './views/drawing.js';

/** What a formula or a diagram is before it is drawn. */
export const DRAWABLE = 'code.math, code.language-mermaid';
/** How far from the screen drawings are asked for. */
const NEAR = '600px 0px';
/** Sources of one request, and their length together in UTF-16 units: a body has at most 64 KiB. */
const MAX_SOURCES = 64;
const MAX_LENGTH = 12_000;
/** Drawings that this page remembers. */
const MAX_KEPT = 400;
/** Requests at once, so that a page with many drawings leaves the server to others. */
const MAX_REQUESTS = 4;
/** Attempts while the server is busy, and the wait between them in milliseconds. */
const ATTEMPTS = 4;
const PAUSE = 3000;

/**
 * @typedef {{kind: 'formula', source: string, display: boolean} | {kind: 'diagram', source: string}} Source
 * @typedef {{source: Source, project: string, resolve: (drawn: Drawn) => void}} Wanted
 * @typedef {{light: string, dark: string, width: number, height: number, description: string}} Diagram
 * @typedef {{formula: string} | {diagram: Diagram} | {error: string}} Drawn `formula` is safe HTML
 */

class Drawings {
  /** @type {Map<string, Promise<Drawn>>} */
  #kept = new Map();
  /** What waits for the next requests. @type {Wanted[]} */
  #waiting = [];
  /** Requests that wait for others. @type {Wanted[][]} */
  #batches = [];
  #requests = 0;
  /** @type {WeakMap<Element, string>} */
  #projects = new WeakMap();
  // What scrolls is the root: a margin does not reach beyond what an element inside it cuts off.
  #observer = new IntersectionObserver((entries) => entries.forEach((entry) => this.#seen(entry)), {
    root: document.querySelector('conversation-view .scroller'), rootMargin: NEAR,
  });

  constructor() {
    const styles = document.createElement('link');
    styles.rel = 'stylesheet';
    styles.href = new URL('./styles/drawings.css', import.meta.url).href;
    document.head.append(styles);
  }

  /** Draws what is in a part of an answer, as soon as it is near the screen. @param {string} project @param {Element} part */
  offer(project, part) {
    for (const code of part.querySelectorAll(DRAWABLE)) {
      if (code.hasAttribute('data-offered')) continue;
      code.setAttribute('data-offered', '');
      this.#projects.set(code, project);
      this.#observer.observe(code);
    }
  }

  /** @param {IntersectionObserverEntry} entry */
  #seen({ target, isIntersecting }) {
    if (!isIntersecting) return;
    this.#observer.unobserve(target);
    const code = /** @type {HTMLElement} */ (target);
    const source = sourceOf(code);
    if (!source) return;
    const project = this.#projects.get(code) ?? '';
    this.#drawn(project, source).then((drawn) => {
      // A turn far from the screen is not in the document, and comes back with the same elements.
      if ('error' in drawn) showFailure(code, drawn.error);
      else if ('formula' in drawn) showFormula(code, drawn.formula);
      else showDiagram(code, drawn.diagram, () => this.#again(project, source));
    });
  }

  /** @param {string} project @param {Source} source */
  #drawn(project, source) {
    const key = JSON.stringify([project, source]);
    const known = this.#kept.get(key);
    if (known) return known;
    /** @type {Promise<Drawn>} */
    const drawn = new Promise((resolve) => {
      if (this.#waiting.push({ source, project, resolve }) === 1) queueMicrotask(() => this.#send());
    });
    this.#kept.set(key, drawn);
    if (this.#kept.size > MAX_KEPT) this.#kept.delete(this.#kept.keys().next().value ?? '');
    // What failed may work later, when the answer is shown anew.
    drawn.then((it) => { if ('error' in it) this.#kept.delete(key); });
    return drawn;
  }

  /** Draws once more what the server has forgotten. @param {string} project @param {Source} source */
  #again(project, source) {
    this.#kept.delete(JSON.stringify([project, source]));
    return this.#drawn(project, source);
  }

  /** Asks for what waits, as far as there are not too many requests. */
  #send() {
    this.#batches.push(...batches(this.#waiting.splice(0)));
    while (this.#requests < MAX_REQUESTS) {
      const batch = this.#batches.shift();
      if (!batch) break;
      this.#requests += 1;
      ask(batch[0].project, batch.map(({ source }) => source)).then((drawings) => {
        this.#requests -= 1;
        batch.forEach(({ resolve }, at) => resolve(drawings[at] ?? { error: 'The server did not draw this.' }));
        this.#send();
      });
    }
  }
}

/** Made with the first part. @type {Drawings | null} */
let drawings = null;

/** Has the diagrams and formulas drawn of a part of an answer that no longer changes. @param {Element} part */
export function offer(part) {
  drawings ??= new Drawings();
  drawings.offer(parseAddress(location.pathname).project ?? '', part);
}

/**
 * The source of a drawing; `null` if it is empty or has characters that are shown as marks.
 * @param {HTMLElement} code @returns {Source | null}
 */
export function sourceOf(code) {
  const text = code.textContent ?? '';
  if (!code.classList.contains('math')) return { kind: 'diagram', source: text };
  const written = WRITTEN_FORMULA.exec(text);
  if (!written || code.childElementCount > 0) return null;
  const source = written.slice(1).find((it) => it !== undefined)?.trim() ?? '';
  if (source === '') return null;
  return { kind: 'formula', source, display: /^(\$\$|\\\[)/.test(text) };
}

/**
 * Requests for what waits: formulas of a project together, each diagram by itself, so that none waits for
 * a slow one.
 * @template {{source: Source, project: string}} T
 * @param {T[]} waiting @returns {T[][]}
 */
export function batches(waiting) {
  /** @type {T[][]} */
  const made = [];
  let length = 0;
  for (const one of waiting) {
    const last = made.at(-1);
    length += one.source.source.length;
    const fits = last && last.length < MAX_SOURCES && length <= MAX_LENGTH && last[0].project === one.project
      && last[0].source.kind === 'formula' && one.source.kind === 'formula';
    if (fits) last.push(one);
    else {
      made.push([one]);
      length = one.source.source.length;
    }
  }
  return made;
}

/** @param {string} project @param {Source[]} sources @returns {Promise<Drawn[]>} */
async function ask(project, sources) {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return (await call('POST', `/api/projects/${project}/drawings`, { json: { drawings: sources } })).drawings;
    } catch (error) {
      const isBusy = error instanceof ApiError && (error.status === 503 || error.status === 429);
      if (!isBusy || attempt === ATTEMPTS) {
        return sources.map(() => ({ error: error instanceof Error ? error.message : String(error) }));
      }
      await new Promise((resolve) => setTimeout(resolve, PAUSE));
    }
  }
}
