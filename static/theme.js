// Before the first paint, and therefore no module: the theme that was chosen on this browser.
try {
  document.documentElement.dataset.theme = localStorage.getItem('theme') ?? '';
} catch {
  document.documentElement.dataset.theme = '';
}
