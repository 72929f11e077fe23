/** The switch between the system's theme, light and dark. */

const THEMES = ["auto", "light", "dark"];
const KEPT = "vitrine.theme";

/** @param {HTMLElement} button @param {HTMLElement} name where the chosen theme is shown */
export function themeSwitch(button, name) {
  const root = document.documentElement;
  const present = () => root.dataset.theme || "auto";
  const show = () => (name.textContent = present());

  function next() {
    const theme = THEMES[(THEMES.indexOf(present()) + 1) % THEMES.length];
    if (theme === "auto") delete root.dataset.theme;
    else root.dataset.theme = theme;
    keep(theme);
    show();
  }

  button.addEventListener("click", next);
  show();
  return next;
}

/** @param {string} theme */
function keep(theme) {
  try {
    localStorage.setItem(KEPT, theme);
  } catch {
    // It is asked for again the next time.
  }
}
