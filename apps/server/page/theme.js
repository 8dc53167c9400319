// Light or dark, decided before the first paint: this runs in <head>, before there is a body. A choice that is what the
// system wants anyway is forgotten, so that the page follows the system again.
(() => {
  const dark = matchMedia('(prefers-color-scheme: dark)');
  const root = document.documentElement;

  const stored = () => {
    try {
      return localStorage.getItem('swan.theme');
    } catch {
      return null;
    }
  };
  const store = (theme) => {
    try {
      if (theme === null) localStorage.removeItem('swan.theme');
      else localStorage.setItem('swan.theme', theme);
    } catch {
      // Private windows may have no storage: the choice holds until the page is left.
    }
  };
  const system = () => (dark.matches ? 'dark' : 'light');
  let chosen = ['light', 'dark'].includes(stored()) ? stored() : null;

  function show() {
    const theme = chosen ?? system();
    root.dataset.theme = theme;
    const button = document.getElementById('theme');
    if (!button) return;
    const label = theme === 'dark' ? 'Switch to the light theme' : 'Switch to the dark theme';
    button.setAttribute('aria-label', label);
    button.title = label;
  }

  show();
  dark.addEventListener('change', show);
  document.addEventListener('DOMContentLoaded', () => {
    show();
    document.getElementById('theme').addEventListener('click', () => {
      const next = root.dataset.theme === 'dark' ? 'light' : 'dark';
      chosen = next === system() ? null : next;
      store(chosen);
      show();
    });
  });
})();
