"use strict";
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
