// Tables are sorted by their heads; a tap on a cell of results, or the focus, says where its number comes from.
"use strict";
const UNITS = { s: 1, min: 60, h: 3600 };
const ORDERS = ["ascending", "descending", null]; // the last is that of the page
function value(row, column) {
  const cell = row.cells[column];
  const text = ((cell.matches(".cells td") && cell.firstChild) || cell).textContent.trim();
  const found = text.replace(/,/g, "").replace("−", "-").match(/^(-?[\d.]+)(?: (s|min|h))?/);
  return found ? Number(found[1]) * (UNITS[found[2]] || 1) : text;
}
function compare(one, other, sign) {
  if (typeof one !== typeof other) return typeof one === "number" ? -1 : 1;
  return sign * (typeof one === "number" ? one - other : one.localeCompare(other));
}
// What a body is made of: headings, and below each the rows that change places, every one with the lines below it.
function parts(body) {
  const found = [{ heads: [], rows: [] }];
  for (const row of body.rows) {
    const { rows } = found.at(-1);
    if (row.matches(".block, .group, .alike")) found.push({ heads: [row], rows: [] });
    else if (!row.matches(".ours") && rows.length && rows.at(-1)[0].matches(".ours")) rows.at(-1).push(row);
    else rows.push([row]);
  }
  return found;
}
function sort(table, bodies, head) {
  const order = ORDERS[(ORDERS.indexOf(head.getAttribute("aria-sort")) + 1) % ORDERS.length];
  for (const one of table.querySelectorAll("[aria-sort]")) one.removeAttribute("aria-sort");
  if (order) head.setAttribute("aria-sort", order);
  const sign = order === "descending" ? -1 : 1;
  const by = (one, other) => compare(value(one[0], head.cellIndex), value(other[0], head.cellIndex), sign);
  bodies.forEach((found, number) => {
    const rows = found.flatMap((part) => [...part.heads, ...(order ? part.rows.toSorted(by) : part.rows).flat()]);
    table.tBodies[number].append(...rows);
  });
}
// A table of results is one stop of the Tab key; arrows, Home and End go from cell to cell within it, and up to its heads.
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
const telling = (table) => [...table.querySelectorAll('thead th, td[title]:not([title=""])')];
const stop = (cell) => cell.querySelector("button") || cell;
function move(event, told) {
  const cell = event.target.closest("td[title], thead th");
  if (!cell || !(event.key in STEPS || event.key === "Home" || event.key === "End")) return;
  event.preventDefault();
  const ends = { Home: told.find((one) => one.matches("td")), End: told.at(-1) };
  const next = ends[event.key] || beside(cell, STEPS[event.key], told);
  if (!next) return;
  stop(cell).tabIndex = -1;
  stop(next).tabIndex = 0;
  stop(next).focus();
}
for (const table of document.querySelectorAll("table.grid, table.cells")) {
  const bodies = [...table.tBodies].map(parts);
  for (const head of table.querySelectorAll("thead th")) {
    const button = document.createElement("button");
    button.append(...head.childNodes);
    button.addEventListener("click", () => sort(table, bodies, head));
    head.append(button);
  }
}
for (const table of document.querySelectorAll("table.cells")) {
  const said = document.createElement("p");
  said.className = "said";
  said.setAttribute("role", "status");
  table.parentElement.after(said);
  const [first] = telling(table).filter((one) => one.matches("td"));
  const tell = (event) => {
    const cell = event.target.closest("td[title]");
    if (cell) said.textContent = cell.title;
  };
  table.addEventListener("click", tell);
  table.addEventListener("focusin", tell);
  table.addEventListener("keydown", (event) => move(event, telling(table)));
  if (first) {
    first.tabIndex = 0;
    for (const button of table.querySelectorAll("thead button")) button.tabIndex = -1;
  } else {
    // Nothing in it can be reached, and on a phone it is wider than the page: it is scrolled as a whole.
    const whole = { tabIndex: 0, role: "group", ariaLabel: table.closest("article").querySelector("h3").textContent };
    Object.assign(table.parentElement, whole);
  }
}
