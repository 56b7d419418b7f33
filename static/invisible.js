/**
 * Invisible characters: shown as marks with their names, so that none reorders or hides code. Pure but
 * for the elements. `src/markdown/invisible.rs` does the same for answers.
 */

/** First and last character of a kind, and its name. @type {[number, number, string][]} */
const NAMES = [
  [0x00, 0x08, 'control character'],
  [0x0b, 0x0c, 'control character'],
  [0x0e, 0x1f, 'control character'],
  [0x7f, 0x9f, 'control character'],
  [0xad, 0xad, 'soft hyphen'],
  [0x34f, 0x34f, 'combining grapheme joiner'],
  [0x61c, 0x61c, 'Arabic letter mark'],
  [0x115f, 0x1160, 'Hangul filler'],
  [0x17b4, 0x17b5, 'Khmer inherent vowel'],
  [0x180b, 0x180f, 'Mongolian selector'],
  [0x200b, 0x200b, 'zero-width space'],
  [0x200c, 0x200c, 'zero-width non-joiner'],
  [0x200d, 0x200d, 'zero-width joiner'],
  [0x200e, 0x200e, 'left-to-right mark'],
  [0x200f, 0x200f, 'right-to-left mark'],
  [0x2028, 0x2028, 'line separator'],
  [0x2029, 0x2029, 'paragraph separator'],
  [0x202a, 0x202a, 'left-to-right embedding'],
  [0x202b, 0x202b, 'right-to-left embedding'],
  [0x202c, 0x202c, 'pop directional formatting'],
  [0x202d, 0x202d, 'left-to-right override'],
  [0x202e, 0x202e, 'right-to-left override'],
  [0x2060, 0x2060, 'word joiner'],
  [0x2061, 0x2064, 'invisible operator'],
  [0x2066, 0x2066, 'left-to-right isolate'],
  [0x2067, 0x2067, 'right-to-left isolate'],
  [0x2068, 0x2068, 'first strong isolate'],
  [0x2069, 0x2069, 'pop directional isolate'],
  [0x206a, 0x206f, 'deprecated format character'],
  [0x3164, 0x3164, 'Hangul filler'],
  [0xfe00, 0xfe0f, 'variation selector'],
  [0xfeff, 0xfeff, 'zero-width no-break space'],
  [0xffa0, 0xffa0, 'Hangul filler'],
  [0xfff9, 0xfffb, 'interlinear annotation'],
  [0x1d173, 0x1d17a, 'musical format character'],
  [0xe0000, 0xe007f, 'tag character'],
  [0xe0100, 0xe01ef, 'variation selector'],
];

const escaped = (/** @type {number} */ code) => `\\u{${code.toString(16)}}`;
const INVISIBLE = new RegExp(`[${NAMES.map(([first, last]) => `${escaped(first)}-${escaped(last)}`).join('')}]`, 'u');

const PICTOGRAM = /[\u{1f000}-\u{1faff}\u{2190}-\u{2bff}\u{3030}\u{303d}\u{3297}\u{3299}\u{a9}\u{ae}\u{203c}\u{2049}\u{2122}\u{2139}\u{fe0f}]/u;
const JOINING = /[\u{600}-\u{dff}\u{1000}-\u{109f}\u{1780}-\u{18af}\u{fb50}-\u{fdff}\u{fe70}-\u{fefc}]/u;
const IDEOGRAPH = /[\u{3400}-\u{9fff}\u{20000}-\u{3ffff}]/u;

/** Characters that turn the direction of what follows. */
const DIRECTION = /[\u{202a}-\u{202e}\u{2066}-\u{2069}]/u;

/** @typedef {'code' | 'prose'} Kind in text for people, only what turns directions gets a mark */

/**
 * A text in pieces: what can be seen, and single invisible characters with their numbers and names.
 * @param {string} text @param {Kind} [kind]
 * @returns {(string | {character: string, number: string, name: string})[]}
 */
export function withNames(text, kind = 'code') {
  if (!INVISIBLE.test(text)) return text ? [text] : [];
  /** @type {ReturnType<typeof withNames>} */
  const pieces = [];
  let plain = '';
  let isFlag = false;
  const characters = [...text];
  for (const [at, character] of characters.entries()) {
    const code = /** @type {number} */ (character.codePointAt(0));
    isFlag = code === 0x1f3f4 || (isFlag && code >= 0xe0020 && code <= 0xe007f);
    const found = NAMES.find(([first, last]) => code >= first && code <= last);
    const isShown = kind === 'prose' ? DIRECTION.test(character) : !isFlag && !isJoined(characters[at - 1] ?? '', code, characters[at + 1] ?? '');
    if (!found || !isShown) {
      plain += character;
      continue;
    }
    if (plain) pieces.push(plain);
    plain = '';
    pieces.push({ character, number: `U+${code.toString(16).toUpperCase().padStart(4, '0')}`, name: found[2] });
  }
  if (plain) pieces.push(plain);
  return pieces;
}

/** Whether an invisible character does its work between its neighbours. @param {string} before @param {number} code @param {string} next */
function isJoined(before, code, next) {
  const joins = JOINING.test(before) && JOINING.test(next);
  if (code === 0x200d) return joins || (PICTOGRAM.test(before) && PICTOGRAM.test(next));
  if (code === 0x200c) return joins;
  if (code === 0xfe0e || code === 0xfe0f) return PICTOGRAM.test(before) || /[#*\d]/.test(before);
  return code >= 0xe0100 && code <= 0xe01ef && IDEOGRAPH.test(before);
}

/** A text for a title or a label, which holds no elements: numbers stand for invisible characters. @param {string} text @param {Kind} [kind] */
export function visibleText(text, kind = 'code') {
  return withNames(text, kind).map((piece) => (typeof piece === 'string' ? piece : `[${piece.number}]`)).join('');
}
