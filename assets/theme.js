// Sets the chosen theme before the first paint and turns it on a click, in the app and on the server's own pages.
// "theme" is the framework's own key: light, dark, or system (= no attribute: the media query decides).
(() => {
  const next = { system: "light", light: "dark", dark: "system" };
  const root = document.documentElement;
  const read = () => {
    try {
      return next[localStorage.getItem("theme")] ? localStorage.getItem("theme") : "system";
    } catch {
      return root.dataset.theme || "system";
    }
  };
  const apply = (theme) => {
    if (theme === "system") delete root.dataset.theme;
    else root.dataset.theme = theme;
  };
  apply(read());
  document.addEventListener("click", (event) => {
    if (!event.target.closest?.("[data-theme-toggle]")) return;
    const theme = next[read()];
    try {
      localStorage.setItem("theme", theme);
    } catch {
      // Storage may be closed (private window): the choice then lasts as long as the page.
    }
    apply(theme);
  });
  window.addEventListener("storage", (event) => event.key === "theme" && apply(read()));
})();
