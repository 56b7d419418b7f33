/** Dates and times as text, in this device's time zone. Pure. */

// Formatters are expensive to make, and a list may have thousands of dates.
const WEEKDAY = new Intl.DateTimeFormat('en', { weekday: 'long' });
const HOUR = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit' });
const DATE = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short' });
const DATE_AND_YEAR = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', year: 'numeric' });
const FULL_DATE = new Intl.DateTimeFormat('en-GB', { weekday: 'short', day: 'numeric', month: 'short', year: 'numeric' });

/**
 * The heading under which a conversation is listed.
 * @param {string} timestamp
 * @param {Date} now
 */
export function dayHeading(timestamp, now) {
  const then = new Date(timestamp);
  const days = daysBetween(then, now);
  if (days <= 0) return 'Today';
  if (days === 1) return 'Yesterday';
  return days < 7 ? WEEKDAY.format(then) : 'Earlier';
}

/**
 * The hour within a week, the date before.
 * @param {string} timestamp
 * @param {Date} now
 */
export function shortTime(timestamp, now) {
  const then = new Date(timestamp);
  if (daysBetween(then, now) < 7) return HOUR.format(then);
  return (then.getFullYear() === now.getFullYear() ? DATE : DATE_AND_YEAR).format(then);
}

/**
 * The hour, with the day if it is not today; the date before a week.
 * @param {string} timestamp
 * @param {Date} now
 */
export function dayAndTime(timestamp, now) {
  const heading = dayHeading(timestamp, now);
  const time = shortTime(timestamp, now);
  return heading === 'Today' || heading === 'Earlier' ? time : `${heading}, ${time}`;
}

/** @param {string} timestamp */
export function fullTime(timestamp) {
  const then = new Date(timestamp);
  return `${FULL_DATE.format(then)}, ${HOUR.format(then)}`;
}

/**
 * Converts the UTC times in a message of the server: `until 2026-01-07 10:00 UTC` becomes `until 11:00`,
 * with the date if it is not today.
 * @param {string} text
 * @param {Date} [now]
 */
export function localTimes(text, now = new Date()) {
  return text.replace(/\b(\d{4}-\d\d-\d\d) (\d\d:\d\d) UTC\b/g, (written, day, time) => {
    const then = new Date(`${day}T${time}:00Z`);
    if (Number.isNaN(then.getTime())) return written;
    const hour = HOUR.format(then);
    if (daysBetween(then, now) === 0) return hour;
    const format = then.getFullYear() === now.getFullYear() ? DATE : DATE_AND_YEAR;
    return `${format.format(then)}, ${hour}`;
  });
}

/** @param {Date} then @param {Date} now */
const daysBetween = (then, now) => Math.round((midnight(now) - midnight(then)) / 86_400_000);

/** @param {Date} date */
const midnight = (date) => new Date(date.getFullYear(), date.getMonth(), date.getDate()).getTime();
