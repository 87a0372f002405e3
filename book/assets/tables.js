// What is wider than its place scrolls: it says so, and can be reached by the keyboard.
addEventListener("DOMContentLoaded", () => {
  const wide = ".grokbook-table, .cell_output .output, .pst-scrollable-table-container, div.math";
  const look = (node) => {
    const scrolls = node.scrollWidth > node.clientWidth + 1 && node.clientWidth > 0;
    if (scrolls === node.classList.contains("scrolls")) return;
    node.classList.toggle("scrolls", scrolls);
    node.tabIndex = scrolls ? 0 : -1;
    if (!scrolls) return node.hint?.remove();
    node.hint ??= Object.assign(document.createElement("p"), {
      className: "scroll-hint",
      textContent: "wider than the page: scroll sideways →",
      ariaHidden: "true",
    });
    node.before(node.hint);
  };
  const observer = new ResizeObserver((entries) => entries.forEach(({ target }) => look(target)));
  for (const node of document.querySelectorAll(wide)) {
    observer.observe(node);
    if (node.firstElementChild) observer.observe(node.firstElementChild);
    node.addEventListener("scroll", () => node.hint?.remove(), { once: true });
  }
});
