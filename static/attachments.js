/** The files of the question that is being written, and what is said of them. Pure. */

/** What a file can be chosen for; the server decides by its content. */
export const ACCEPTED = 'image/png,image/jpeg,image/gif,image/webp,text/*,.log,.txt,.md,.json,.csv,.yaml,.toml';

/**
 * @typedef {{id: string, name: string, type: string, bytes: number, width?: number, height?: number}} Attachment
 *   as the server tells it
 * @typedef {{count: number, file_bytes: number, question_bytes: number}} AttachmentLimits
 * @typedef {{key: number, name: string, bytes: number, progress: number, attached: Attachment | null,
 *   problem: string}} ChosenFile `progress` from 0 to 1; `attached` once the server has it
 */

/** @param {string} type */
export const isImage = (type) => type.startsWith('image/');

/** @param {number} bytes */
export function lengthText(bytes) {
  if (bytes < 1000) return `${bytes} bytes`;
  if (bytes < 1_000_000) return `${Math.ceil(bytes / 1000)} kB`;
  return `${(Math.floor(bytes / 100_000) / 10).toFixed(1)} MB`;
}

/**
 * Why a file cannot be added to those that are chosen; empty if it can.
 * @param {{name: string, size: number}} file @param {ChosenFile[]} chosen @param {AttachmentLimits | null} limits
 */
export function refusal({ name, size }, chosen, limits) {
  if (limits === null || limits.count === 0) return 'This server takes no files.';
  if (size === 0) return `${name} is empty.`;
  if (chosen.length >= limits.count) return `A question may have ${limits.count} files. ${name} was not added.`;
  if (size > limits.file_bytes) return `${name} has ${lengthText(size)}; the limit is ${lengthText(limits.file_bytes)}.`;
  const all = chosen.reduce((sum, one) => sum + one.bytes, size);
  if (all > limits.question_bytes) {
    return `The files of a question may have ${lengthText(limits.question_bytes)} together. ${name} was not added.`;
  }
  return '';
}

/** Why the question cannot be sent yet; empty if it can. @param {ChosenFile[]} chosen */
export function blockText(chosen) {
  const failed = chosen.find((one) => one.problem !== '');
  if (failed) return `${failed.name} was not sent. Try again or remove it.`;
  const sending = chosen.filter((one) => one.attached === null);
  return sending.length === 0 ? '' : `Sending ${sending.map((one) => one.name).join(', ')}…`;
}

/**
 * What the agent does not take of the files, as far as that is known; empty if nothing is missing.
 * @param {ChosenFile[]} chosen @param {{kind: string, attachments?: string} | null} agent
 */
export function notTakenText(chosen, agent) {
  if (chosen.length === 0 || !agent) return '';
  if (agent.attachments === 'none') {
    return agent.kind === 'guide' ? 'The built-in guide does not read files: it answers from your words alone.'
      : 'This agent does not read files.';
  }
  const hasImage = chosen.some((one) => one.attached !== null && isImage(one.attached.type));
  return agent.attachments === 'text' && hasImage ? 'This model takes no images: it will not see them.' : '';
}

/** What a screen reader hears of a file. @param {Attachment} file */
export function spokenFile({ name, type, bytes, width, height }) {
  return isImage(type) ? `Image ${name}, ${width} by ${height} pixels` : `File ${name}, ${lengthText(bytes)}`;
}
