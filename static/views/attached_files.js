/** The files of a question in the history: images as small pictures, text as a name; both open in a tab of their own. */
import { attachmentAddress } from '../api.js';
import { isImage, lengthText, spokenFile } from '../attachments.js';
import { element } from './dom.js';

/** Longest side of a small picture, in pixels. */
const SIDE = 160;

/**
 * @param {import('../attachments.js').Attachment[]} files @param {string} project @param {number | null} conversation
 * @returns {HTMLElement}
 */
export function attachedFiles(files, project, conversation) {
  const list = element('ul', { className: 'attached', 'aria-label': 'Attached files' });
  for (const file of files) {
    const link = element('a', {
      target: '_blank', rel: 'noopener', className: isImage(file.type) ? 'picture' : 'chip',
      ...(conversation === null ? {} : { href: attachmentAddress(project, conversation, file.id) }),
    });
    if (isImage(file.type) && conversation !== null) link.append(picture(file, link.href));
    else link.append(element('span', { className: 'name' }, file.name), element('small', {}, lengthText(file.bytes)));
    link.setAttribute('aria-label', `${spokenFile(file)}, opens in a new tab`);
    list.append(element('li', {}, link));
  }
  return list;
}

/** The space is known before the picture is, so that nothing moves. @param {import('../attachments.js').Attachment} file @param {string} src */
function picture({ name, width = 1, height = 1 }, src) {
  const scale = Math.min(1, SIDE / Math.max(width, height));
  return element('img', {
    src, alt: name, title: name, loading: 'lazy', decoding: 'async',
    width: Math.max(1, Math.round(width * scale)), height: Math.max(1, Math.round(height * scale)),
  });
}
