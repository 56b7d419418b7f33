/** Notifications of the browser about answers, for people who have asked for them. */
import { visibleText } from './invisible.js';
import { loadNotify, saveNotify } from './storage.js';

/** Why this page cannot show any: browsers allow them to pages from this machine and over TLS alone. */
const UNAVAILABLE = 'This browser shows no notifications of this page: it allows them over HTTPS only.';
const DENIED = 'This browser does not allow notifications of this page. Allow them in its settings for this site, then switch them on again.';

/**
 * Switches notifications on or off; the browser asks the person for permission.
 * @returns {Promise<string>} what there is to tell
 */
export async function toggleNotifications() {
  if (loadNotify()) {
    saveNotify(false);
    return 'Notifications are off.';
  }
  if (!globalThis.Notification || !isSecureContext) return UNAVAILABLE;
  if (await Notification.requestPermission() !== 'granted') return DENIED;
  saveNotify(true);
  return 'You will be notified when an answer to a question of yours is ready and this page is in the background.';
}

/**
 * Tells that an answer is ready. All tabs together show one notification.
 * @param {string} project @param {{id: number, title: string | null}} conversation @param {string} excerpt @param {() => void} pick
 */
export function notify(project, { id, title }, excerpt, pick) {
  if (globalThis.Notification?.permission !== 'granted' || document.visibilityState === 'visible') return;
  const shown = new Notification(visibleText(title?.trim() || 'An answer is ready', 'prose'), {
    body: visibleText(withoutMarks(excerpt), 'prose'), tag: `${project}/${id}`, icon: document.querySelector('link[rel=icon]')?.getAttribute('href') ?? '',
  });
  shown.addEventListener('click', () => {
    globalThis.focus();
    pick();
    shown.close();
  });
}

/** Markdown as a line of plain words. @param {string} text */
const withoutMarks = (text) => text.replace(/[*`#]+/g, '').replace(/\s+/g, ' ').trim();
