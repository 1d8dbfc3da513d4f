// Tables of texts are sorted by their heads; a tap on a cell of results, or the focus, says where its number comes from.
"use strict";
const UNITS = { s: 1, min: 60, h: 3600 };
function value(row, column) {
  const text = row.cells[column].textContent.trim();
  const found = text.replace(/,/g, "").replace("−", "-").match(/^(-?[\d.]+)(?: (s|min|h))?/);
  return found ? Number(found[1]) * (UNITS[found[2]] || 1) : text;
}
function compare(one, other) {
  if (typeof one === "number" && typeof other === "number") return one - other;
  if (typeof one !== typeof other) return typeof one === "number" ? -1 : 1;
  return one.localeCompare(other);
}
function sort(table, head, column) {
  const sign = head.getAttribute("aria-sort") === "ascending" ? -1 : 1;
  for (const one of table.querySelectorAll("[aria-sort]")) one.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", sign > 0 ? "ascending" : "descending");
  const rows = [...table.tBodies[0].rows];
  rows.sort((one, other) => sign * compare(value(one, column), value(other, column)));
  table.tBodies[0].append(...rows);
}
// A table of results is one stop of the Tab key; arrows, Home and End go from cell to cell within it.
const STEPS = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
function beside(cell, [down, right], told) {
  if (right) return told[told.indexOf(cell) + right];
  const rows = [...cell.closest("table").rows];
  for (let row = cell.parentElement.rowIndex + down; rows[row]; row += down) {
    const other = rows[row].cells[cell.cellIndex];
    if (told.includes(other)) return other;
  }
  return null;
}
function move(event, told) {
  const cell = event.target.closest("td[title]");
  if (!cell || !(event.key in STEPS || event.key === "Home" || event.key === "End")) return;
  event.preventDefault();
  const ends = { Home: told[0], End: told.at(-1) };
  const next = ends[event.key] || beside(cell, STEPS[event.key], told);
  if (!next) return;
  cell.tabIndex = -1;
  next.tabIndex = 0;
  next.focus();
}
for (const table of document.querySelectorAll("table.grid")) {
  table.querySelectorAll("thead th").forEach((head, column) => {
    const button = document.createElement("button");
    button.append(...head.childNodes);
    button.addEventListener("click", () => sort(table, head, column));
    head.append(button);
  });
}
for (const table of document.querySelectorAll("table.cells")) {
  const said = document.createElement("p");
  said.className = "said";
  said.setAttribute("role", "status");
  table.parentElement.after(said);
  const told = [...table.querySelectorAll('td[title]:not([title=""])')];
  const tell = (event) => {
    const cell = event.target.closest("td[title]");
    if (cell) said.textContent = cell.title;
  };
  table.addEventListener("click", tell);
  table.addEventListener("focusin", tell);
  table.addEventListener("keydown", (event) => move(event, told));
  if (told.length) {
    told[0].tabIndex = 0;
  } else {
    // Nothing in it can be reached, and on a phone it is wider than the page: it is scrolled as a whole.
    const whole = { tabIndex: 0, role: "group", ariaLabel: table.closest("article").querySelector("h3").textContent };
    Object.assign(table.parentElement, whole);
  }
}
