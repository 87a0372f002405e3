// One switch shows or hides all code of a page, and is remembered. Without this script code is shown.
{
  const root = document.documentElement;
  const KEY = "grokbook-code";
  const remembered = () => {
    try {
      return localStorage.getItem(KEY);
    } catch {
      return null; // a browser may refuse to remember
    }
  };
  const remember = (state) => {
    try {
      localStorage.setItem(KEY, state);
    } catch {}
  };
  root.classList.toggle("code-folded", remembered() !== "shown");

  addEventListener("DOMContentLoaded", () => {
    const place = document.querySelector(".article-header-buttons");
    if (!place || !document.querySelector("div.cell_input")) return;
    const button = document.createElement("button");
    button.type = "button";
    button.className = "code-switch";
    const label = () => {
      const folded = root.classList.contains("code-folded");
      button.textContent = folded ? "Show code" : "Hide code";
    };
    button.addEventListener("click", () => {
      // What is read stays where it is on the screen.
      const anchor = [...document.querySelectorAll(".bd-article :is(p, h2, h3, figure)")].find(
        (node) => node.getBoundingClientRect().bottom > 80,
      );
      const before = anchor?.getBoundingClientRect().top ?? 0;
      remember(root.classList.toggle("code-folded") ? "folded" : "shown");
      label();
      if (anchor) scrollBy({ top: anchor.getBoundingClientRect().top - before, behavior: "instant" });
    });
    label();
    place.prepend(button);
  });
}
