// Runs before the first paint, so it is not a module: applies the stored theme, folds the list, and says at once when
// a script of the page does not come or does not run. The page removes what is said when it starts.
try {
  document.documentElement.dataset.theme = localStorage.getItem('theme') ?? '';
  document.documentElement.dataset.rail = localStorage.getItem('rail') ?? '';
} catch {
  document.documentElement.dataset.theme = '';
}
addEventListener('error', () => document.documentElement.classList.add('failed'), { capture: true, once: true });
