/** Diagrams and formulas in the place of their source, which stays a click away. */
import { copyText, element } from './dom.js';
import { setHtml } from './html.js';

/** A formula with its marks: `$$…$$`, `$…$`, `\(…\)` or `\[…\]`. */
export const WRITTEN_FORMULA = /^(?:\$\$([^]*)\$\$|\$([^]*)\$|\\\(([^]*)\\\)|\\\[([^]*)\\\])$/;
/** Steps of the size of a diagram. */
const ZOOM = [0.5, 0.75, 1, 1.5, 2, 3, 4];
/** Pixels of a side of a PNG at most; browsers refuse larger ones. */
const MAX_SIDE = 8192;
/** Pixels of a PNG to one of the page. */
const SHARPNESS = 2;
/** The part of an address of a picture that names its theme. */
const isDark = matchMedia('(prefers-color-scheme: dark)');

/** Shows a formula instead of its source, which a click shows. @param {HTMLElement} code @param {string} mathml as the server made it safe */
export function showFormula(code, mathml) {
  const written = code.textContent ?? '';
  const formula = element('span', { className: 'formula', title: written, 'data-source': written });
  setHtml(formula, mathml);
  if (formula.querySelector('math')?.getAttribute('display') === 'block') formula.classList.add('display');
  // Seen with the focus alone: a pointer has the whole formula.
  const opener = element('button', { type: 'button', className: 'quiet opener', 'aria-expanded': 'false' }, 'Source of the formula');
  formula.append(opener);
  formula.addEventListener('click', ({ target }) => {
    const isOfSource = /** @type {Element} */ (target).closest('.written') !== null;
    // A selection is made to be copied.
    if (!isOfSource && getSelection()?.isCollapsed !== false) toggleSource(formula, opener);
  });
  code.replaceWith(formula);
}

/** Shows the source of a formula beside it, or hides it again. @param {HTMLElement} formula @param {HTMLElement} opener */
function toggleSource(formula, opener) {
  const shown = formula.querySelector('.written');
  opener.setAttribute('aria-expanded', String(!shown));
  if (shown) {
    shown.remove();
    return;
  }
  const source = formula.dataset.source ?? '';
  const copy = element('button', { type: 'button', className: 'quiet', onclick: () => copyText(source, copy) }, 'Copy');
  const text = element('code', { dir: 'ltr' }, source);
  formula.append(element('span', { className: 'written' }, text, copy));
}

/** Leaves the source, and says why it is not drawn. @param {HTMLElement} code @param {string} reason */
export function showFailure(code, reason) {
  code.title = reason;
  const frame = code.closest('.code');
  if (frame) frame.after(element('p', { className: 'drawing-failure' }, reason));
  else code.after(element('span', { className: 'visually-hidden' }, ` (${reason})`));
}

/**
 * Shows a diagram above its source.
 * @param {HTMLElement} code @param {import('../drawings.js').Diagram} diagram
 * @param {() => Promise<import('../drawings.js').Drawn>} again draws it once more, where its pictures are gone
 */
export function showDiagram(code, diagram, again) {
  const frame = code.closest('.code') ?? code.closest('pre');
  if (!frame) return;
  const { light, dark, width, height, description } = diagram;
  const image = element('img', { width, height, alt: description, decoding: 'async', className: 'screen' });
  image.dataset.light = light;
  image.dataset.dark = dark;
  image.src = address(image);
  // Paper is light.
  const paper = element('img', { width, height, alt: '', src: light, className: 'paper' });
  image.addEventListener('error', () => again().then((drawn) => {
    if (!('diagram' in drawn)) return;
    image.src = `${address(image)}?again`;
    paper.src = `${light}?again`;
  }), { once: true });
  const box = element('div', { className: 'picture' }, image, paper);
  const figure = element('figure', { className: 'drawing', 'data-source': `\n\`\`\`mermaid\n${(code.textContent ?? '').trimEnd()}\n\`\`\`\n` });
  const source = element('details', {}, element('summary', {}, 'Source'));
  frame.replaceWith(figure);
  source.append(frame);
  figure.append(box, tools(figure, box, image), source);
}

/** @param {HTMLElement} figure @param {HTMLElement} box @param {HTMLImageElement} image */
function tools(figure, box, image) {
  const [width, height] = [image.width, image.height];
  const zoom = (/** @type {number} */ step) => {
    const at = Math.min(Math.max(ZOOM.indexOf(Number(figure.dataset.zoom ?? 1)) + step, 0), ZOOM.length - 1);
    figure.dataset.zoom = String(ZOOM[at]);
    image.width = Math.round(width * ZOOM[at]);
    image.height = Math.round(height * ZOOM[at]);
    // What scrolls can be reached by keyboard.
    box.tabIndex = 0;
  };
  const button = (/** @type {string} */ text, /** @type {string} */ label, /** @type {() => void} */ onclick) => (
    element('button', { type: 'button', className: 'quiet', 'aria-label': label, onclick }, text));
  const bar = element('div', { className: 'tools', role: 'group', 'aria-label': 'Diagram' },
    button('−', 'Smaller', () => zoom(-1)), button('+', 'Larger', () => zoom(1)));
  if (document.fullscreenEnabled) {
    bar.append(button('Full screen', 'Full screen', () => {
      if (document.fullscreenElement) document.exitFullscreen();
      else figure.requestFullscreen().catch(() => null);
    }));
  }
  bar.append(
    button('SVG', 'Download as SVG', () => download(image.src, 'diagram.svg')),
    button('PNG', 'Download as PNG', () => savePng(image, width, height)),
  );
  return bar;
}

/** The picture for the page's theme. @param {HTMLImageElement} image */
const address = (image) => (isDarkPage() ? image.dataset.dark : image.dataset.light) ?? '';

function isDarkPage() {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === 'dark' : isDark.matches;
}

function followTheme() {
  for (const image of /** @type {NodeListOf<HTMLImageElement>} */ (document.querySelectorAll('.drawing .screen'))) image.src = address(image);
}

/** @param {string} href @param {string} name */
function download(href, name) {
  const link = element('a', { href, download: name });
  document.body.append(link);
  link.click();
  link.remove();
}

/** @param {HTMLImageElement} image @param {number} width @param {number} height in pixels of the page */
function savePng(image, width, height) {
  const scale = Math.min(SHARPNESS, MAX_SIDE / width, MAX_SIDE / height);
  const canvas = element('canvas', { width: Math.max(1, Math.round(width * scale)), height: Math.max(1, Math.round(height * scale)) });
  const context = canvas.getContext('2d');
  if (!context) return;
  context.fillStyle = getComputedStyle(document.documentElement).backgroundColor;
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(image, 0, 0, canvas.width, canvas.height);
  canvas.toBlob((blob) => {
    if (!blob) return;
    const href = URL.createObjectURL(blob);
    download(href, 'diagram.png');
    setTimeout(() => URL.revokeObjectURL(href), 10_000);
  }, 'image/png');
}

/** Copies formulas and diagrams of a selection as their sources. @param {ClipboardEvent} event */
function copySources(event) {
  const selection = getSelection();
  if (!event.clipboardData || !selection?.rangeCount) return;
  const copied = element('div', {});
  for (let at = 0; at < selection.rangeCount; at += 1) copied.append(selection.getRangeAt(at).cloneContents());
  const drawings = /** @type {NodeListOf<HTMLElement>} */ (copied.querySelectorAll('[data-source]'));
  if (drawings.length === 0) return;
  drawings.forEach((drawing) => drawing.replaceWith(drawing.dataset.source ?? ''));
  copied.querySelectorAll('.code .copy').forEach((button) => button.remove());
  // The text of what is not in the document has no lines between blocks.
  copied.querySelectorAll('p, li, h3, h4, h5, h6, pre, tr').forEach((block) => block.append('\n'));
  event.clipboardData.setData('text/plain', copied.textContent ?? '');
  event.preventDefault();
}

document.addEventListener('copy', copySources);
isDark.addEventListener('change', followTheme);
new MutationObserver(followTheme).observe(document.documentElement, { attributeFilter: ['data-theme'] });
