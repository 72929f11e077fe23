// Before the page is drawn, so that it does not flash: which theme was chosen the last time.
try {
  const chosen = localStorage.getItem("vitrine.theme");
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
} catch {
  // A browser that keeps nothing shows what the system prefers.
}
