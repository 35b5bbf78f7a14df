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

// A button in each column's head sorts the table by it; what is missing stays last.
for (const table of document.querySelectorAll("table.sortable")) {
  const heads = table.tHead.rows[table.tHead.rows.length - 1].cells;
  const body = table.tBodies[0];
  const valueOf = (cell, words) => {
    const text = cell.textContent.trim();
    if (words) return text === "" || text.startsWith("\u2014") ? null : text;
    const number = Number.parseFloat(cell.dataset.sort ?? text.replaceAll("\u2212", "-"));
    return Number.isNaN(number) ? null : number;
  };
  const sortBy = (index) => {
    const head = heads[index];
    const words = head.classList.contains("text");
    const order = head.getAttribute("aria-sort");
    const ascending = order ? order === "descending" : words;
    for (const other of heads) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", ascending ? "ascending" : "descending");
    const sign = ascending ? 1 : -1;
    const compare = (x, y) => (words ? x.localeCompare(y) : x - y);
    const rows = [...body.rows].map((row) => [valueOf(row.cells[index], words), row]);
    rows.sort(([x], [y]) => {
      if (x === null || y === null) return (x === null) - (y === null);
      return sign * compare(x, y);
    });
    body.append(...rows.map(([, row]) => row));
  };
  for (let index = 0; index < heads.length; index += 1) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "sort";
    button.append(...heads[index].childNodes);
    button.addEventListener("click", () => sortBy(index));
    heads[index].append(button);
  }
}

// Buttons that copy, and say so.
const told = document.createElement("p");
told.className = "unseen";
told.setAttribute("role", "status");
document.body.append(told);
for (const group of document.querySelectorAll(".copy")) group.hidden = false;
for (const button of document.querySelectorAll("button[data-copy]")) {
  const word = button.textContent;
  button.addEventListener("click", async () => {
    const copied = await copy(button.dataset.copy);
    button.textContent = copied ? "Copied" : "Not copied";
    told.textContent = copied ? `${word}: copied` : "The browser does not allow copying";
    setTimeout(() => { button.textContent = word; }, 2000);
  });
}

// The clipboard's own interface is for secure pages; a file may be none.
async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = document.createElement("textarea");
    area.value = text;
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    return done;
  }
}
