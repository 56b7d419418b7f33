// Applies the stored theme. Not a module, so that it runs before the first paint.
try {
  document.documentElement.dataset.theme = localStorage.getItem('theme') ?? '';
} catch {
  document.documentElement.dataset.theme = '';
}
