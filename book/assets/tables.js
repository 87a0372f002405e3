// What is wider than its place scrolls: it says so, and can be reached by the keyboard.
addEventListener("DOMContentLoaded", () => {
  const wide = ".grokbook-table, .cell_output .output, .pst-scrollable-table-container, div.math";
  const over = (node) => node.scrollWidth > node.clientWidth + 1 && node.clientWidth > 0;
  const look = (node) => {
    // A formula scrolls with its number, or within its frame.
    const place = [node, ...node.querySelectorAll(":scope > mjx-container")].find(over) ?? node;
    const scrolls = over(place);
    if (scrolls === node.classList.contains("scrolls")) return;
    node.classList.toggle("scrolls", scrolls);
    place.tabIndex = scrolls ? 0 : -1;
    if (!scrolls) return node.hint?.remove();
    node.hint ??= Object.assign(document.createElement("p"), {
      className: "scroll-hint",
      textContent: "wider than the page: scroll sideways →",
      ariaHidden: "true",
    });
    node.before(node.hint);
  };
  const owners = new Map(); // of what is observed: the places whose width it may change
  const observer = new ResizeObserver((entries) =>
    new Set(entries.flatMap(({ target }) => owners.get(target))).forEach(look));
  for (const node of document.querySelectorAll(wide)) {
    for (const each of [node, node.firstElementChild].filter(Boolean)) {
      owners.set(each, [...(owners.get(each) ?? []), node]);
      observer.observe(each);
    }
    node.addEventListener("scroll", () => node.hint?.remove(), { once: true, capture: true });
  }
});
