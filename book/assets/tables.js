// A table that scrolls can be reached by the keyboard. The theme sees to cells' outputs only.
addEventListener("DOMContentLoaded", () => {
  const observer = new ResizeObserver((entries) => {
    for (const { target } of entries) {
      target.tabIndex = target.scrollWidth > target.clientWidth ? 0 : -1;
    }
  });
  document
    .querySelectorAll(".pst-scrollable-table-container")
    .forEach((node) => observer.observe(node));
});
