/** Ranges of text within elements, shown without changing the document. */

/** The part of an element's text between two positions, in UTF-16 units. @param {Element} node @param {number} start @param {number} end @returns {Range[]} none if it has no such part */
export function textRange(node, start, end) {
  const range = document.createRange();
  const walker = document.createTreeWalker(node, NodeFilter.SHOW_TEXT);
  let at = 0;
  let hasStart = false;
  for (let text = walker.nextNode(); text; text = walker.nextNode()) {
    const length = text.textContent?.length ?? 0;
    if (!hasStart && start < at + length) {
      range.setStart(text, start - at);
      hasStart = true;
    }
    if (hasStart && end <= at + length) {
      range.setEnd(text, end - at);
      return [range];
    }
    at += length;
  }
  return [];
}

/** Shows these ranges, and no others, under a name of the style sheet. @param {string} name @param {Range[]} ranges */
export function highlightRanges(name, ranges) {
  // Without it the line is marked as a whole.
  if (!CSS.highlights) return;
  if (ranges.length) CSS.highlights.set(name, new Highlight(...ranges));
  else CSS.highlights.delete(name);
}
