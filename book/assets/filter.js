// A long table of statements can be narrowed to one outcome or one task.
addEventListener("DOMContentLoaded", () => {
  for (const table of document.querySelectorAll(".grokbook-table table")) {
    const rows = [...table.querySelectorAll("tbody tr:not(.group)")];
    const labels = ["outcome", "task"].filter((label) =>
      rows.every((row) => row.querySelector(`td[data-label="${label}"]`)),
    );
    if (labels.length < 2 || rows.length < 20) continue;
    const value = (row, label) => row.querySelector(`td[data-label="${label}"]`).textContent.trim();
    const bar = Object.assign(document.createElement("p"), { className: "table-filter" });
    const count = Object.assign(document.createElement("span"), { ariaLive: "polite" });
    const selects = labels.map((label) => {
      const select = document.createElement("select");
      for (const each of ["all", ...new Set(rows.map((row) => value(row, label)))]) {
        select.add(new Option(each));
      }
      const name = Object.assign(document.createElement("label"), { textContent: `${label} ` });
      name.append(select);
      bar.append(name);
      return [label, select];
    });
    const apply = () => {
      for (const row of rows) {
        row.hidden = selects.some(([label, { value: v }]) => v !== "all" && v !== value(row, label));
      }
      for (const group of table.querySelectorAll("tr.group")) {
        let next = group.nextElementSibling;
        while (next?.hidden) next = next.nextElementSibling;
        group.hidden = !next || next.classList.contains("group");
      }
      count.textContent = `${rows.filter((row) => !row.hidden).length} of ${rows.length} rows`;
    };
    bar.append(count);
    bar.addEventListener("change", apply);
    apply();
    table.parentElement.before(bar);
  }
});
