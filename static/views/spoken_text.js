/** The spoken form of answers for screen readers: their text, with code replaced by a description. */

/** @param {string} html a part of an answer, as the server sent it */
export function spokenText(html) {
  const read = new DOMParser().parseFromString(html, 'text/html');
  for (const code of read.querySelectorAll('pre')) {
    const language = /language-(\S+)/.exec(code.firstElementChild?.className ?? '')?.[1];
    const lines = (code.textContent ?? '').replace(/\n$/, '').split('\n').length;
    code.textContent = ` Code${language ? ` in ${language}` : ''}, ${lines === 1 ? '1 line' : `${lines} lines`}. `;
  }
  return (read.body.textContent ?? '').replace(/\s+/g, ' ').trim();
}
