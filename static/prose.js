/**
 * Splits an answer's Markdown just far enough to be readable while it streams: paragraphs, headings,
 * items of lists and fenced code, and inline code and strong words within them. Pure; makes no HTML.
 */

/**
 * @typedef {{kind: 'paragraph' | 'heading' | 'item' | 'code', start: number, text: string, language: string}} Block
 * `start` is where the block begins in the source: splitting again from there gives the same block.
 */

const FENCE = /^ {0,3}(`{3,}|~{3,})\s*([^\s`]*)[^`]*$/;
const HEADING = /^#{1,6} +(.+)$/;
const ITEM = /^(\s*)(?:[-*+]|(\d{1,3}[.)])) +(.*)$/;

/**
 * @param {string} source
 * @param {number} [from] offset of a block's start
 * @returns {Block[]}
 */
export function splitBlocks(source, from = 0) {
  /** @type {Block[]} */
  const blocks = [];
  /** @type {Block | null} */
  let open = null;
  let fence = '';
  let lines = 0;
  for (let at = from; at < source.length;) {
    const newline = source.indexOf('\n', at);
    const end = newline < 0 ? source.length : newline;
    const line = source.slice(at, end);
    if (open?.kind === 'code') {
      if (isClosing(line, fence)) open = null;
      else {
        open.text += (lines > 0 ? '\n' : '') + line;
        lines += 1;
      }
    } else {
      const opening = FENCE.exec(line);
      const heading = HEADING.exec(line);
      const item = ITEM.exec(line);
      if (opening) {
        fence = opening[1];
        lines = 0;
        open = { kind: 'code', start: at, text: '', language: opening[2] };
        blocks.push(open);
      } else if (heading) {
        blocks.push({ kind: 'heading', start: at, text: heading[1], language: '' });
        open = null;
      } else if (item) {
        open = { kind: 'item', start: at, text: `${item[1]}${item[2] ?? '–'} ${item[3]}`, language: '' };
        blocks.push(open);
      } else if (line.trim() === '') {
        open = null;
      } else if (open) {
        open.text += open.kind === 'item' ? ` ${line.trim()}` : `\n${line}`;
      } else {
        open = { kind: 'paragraph', start: at, text: line, language: '' };
        blocks.push(open);
      }
    }
    at = end + 1;
  }
  return blocks;
}

/** @param {string} line @param {string} fence */
function isClosing(line, fence) {
  const trimmed = line.trim();
  return trimmed.length >= fence.length && trimmed === fence[0].repeat(trimmed.length);
}

/**
 * @param {string} text of one paragraph
 * @returns {{kind: 'plain' | 'code' | 'strong', text: string}[]}
 */
export function splitInline(text) {
  /** @type {{kind: 'plain' | 'code' | 'strong', text: string}[]} */
  const spans = [];
  let plain = 0;
  for (const found of text.matchAll(/`([^`\n]+)`|\*\*([^*\n]+)\*\*/g)) {
    if (found.index > plain) spans.push({ kind: 'plain', text: text.slice(plain, found.index) });
    spans.push(found[1] !== undefined ? { kind: 'code', text: found[1] } : { kind: 'strong', text: found[2] });
    plain = found.index + found[0].length;
  }
  if (plain < text.length) spans.push({ kind: 'plain', text: text.slice(plain) });
  return spans;
}
