/** The login: shows a token once, and goes where the person wanted to go. */
import * as api from './api.js';

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
    problem.textContent = error instanceof Error ? error.message : String(error);
    token.select();
  } finally {
    button.disabled = false;
  }
});

/** The address to go to, which is one of this server whatever the query says. */
function target() {
  const wanted = new URL(new URLSearchParams(location.search).get('next') ?? '/', location.origin);
  return wanted.origin === location.origin && wanted.pathname !== '/login' ? wanted.pathname : '/';
}
