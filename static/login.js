/** The login: exchanges a token for a cookie, then opens the page that was asked for. */
import * as api from './api.js';
import { BASE } from './base_path.js';

const form = /** @type {HTMLFormElement} */ (document.querySelector('#login'));
const token = /** @type {HTMLInputElement} */ (document.querySelector('#token'));
const problem = /** @type {HTMLElement} */ (document.querySelector('#problem'));
const button = /** @type {HTMLButtonElement} */ (form.querySelector('button'));

form.addEventListener('submit', async (event) => {
  event.preventDefault();
  button.disabled = true;
  problem.textContent = '';
  try {
    await api.logIn(token.value);
    location.replace(target());
  } catch (error) {
    problem.textContent = api.errorMessage(error);
    token.select();
  } finally {
    button.disabled = false;
  }
});
document.querySelector('#not-started')?.remove();
offer().catch((error) => { problem.textContent = api.errorMessage(error); });

/** Offers the ways to log in that this server has. */
async function offer() {
  const options = await api.loginOptions();
  if (options.provider === null) return;
  const link = /** @type {HTMLAnchorElement} */ (document.querySelector('#provider a'));
  link.href = `${BASE}/login/begin?next=${encodeURIComponent(target())}`;
  /** @type {HTMLElement} */ (link.lastElementChild).textContent = options.provider;
  /** @type {HTMLElement} */ (document.querySelector('#provider')).hidden = false;
  form.hidden = !options.token;
  /** @type {HTMLElement} */ (document.querySelector('#about-token')).hidden = !options.token;
}

/** The address to open. An address of another server in the query does not count. */
function target() {
  const next = new URL(new URLSearchParams(location.search).get('next') ?? `${BASE}/`, location.origin);
  return next.origin === location.origin && next.pathname !== `${BASE}/login` ? next.pathname : `${BASE}/`;
}
