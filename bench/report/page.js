"use strict";
// A link into a folded section opens it, and paper has no folds. Browsers that do both by themselves
// lose nothing.
const folds = [...document.querySelectorAll("details.fold")];
const unfold = () => {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  const fold = target && target.closest("details.fold");
  if (!fold || fold.open) return;
  fold.open = true;
  target.scrollIntoView();
};
addEventListener("hashchange", unfold);
unfold();
let closed = [];
addEventListener("beforeprint", () => {
  closed = folds.filter((fold) => !fold.open);
  for (const fold of closed) fold.open = true;
});
addEventListener("afterprint", () => {
  for (const fold of closed) fold.open = false;
});

// A click, or Enter, on a column's head sorts the table by it; missing numbers stay last.
for (const table of document.querySelectorAll("table.sortable")) {
  const heads = table.tHead.rows[table.tHead.rows.length - 1].cells;
  const body = table.tBodies[0];
  const sortBy = (index) => {
    const head = heads[index];
    const ascending = head.getAttribute("aria-sort") === "descending";
    for (const other of heads) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", ascending ? "ascending" : "descending");
    const sign = ascending ? 1 : -1;
    const key = (row) => {
      const cell = row.cells[index];
      return cell.dataset.sort === undefined ? null : Number(cell.dataset.sort);
    };
    const rows = [...body.rows].sort((a, b) => {
      const [x, y] = [key(a), key(b)];
      if (index === 0) return sign * a.cells[0].textContent.localeCompare(b.cells[0].textContent);
      if (x === null || y === null) return (x === null) - (y === null);
      return sign * (x - y);
    });
    body.append(...rows);
  };
  for (let index = 0; index < heads.length; index += 1) {
    heads[index].tabIndex = 0;
    heads[index].addEventListener("click", () => sortBy(index));
    heads[index].addEventListener("keydown", (event) => {
      if (event.key === "Enter") sortBy(index);
    });
  }
}
