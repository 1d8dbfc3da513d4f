// Two models asked by the same user, turn by turn; needs elements.js.
"use strict";
const recorded = JSON.parse(document.getElementById("recorded").textContent);
const PICKED = ["data", "user", "left", "right"];

const data = () => recorded.datasets.find((one) => one.name === place("data").value);
const model = (side) => data().models.find((one) => one.name === place(side).value);

function item(number, marks, titled) {
  const { title, picture } = data().items[number];
  return pictured(picture, title, marks, titled ? title : "");
}
function place_of(turn) {
  const [, , , , rank, off, done] = turn;
  if (done) return "found";
  if (rank !== null) return `target at rank ${rank.toLocaleString("en")}`;
  return off === null ? "not yet found" : `contradicts ${off} of the wishes said before`;
}
function cell(one, turns, index, user) {
  const turn = turns[index];
  const head = element("h3", { textContent: `${one.label} ` });
  const made = element("article", {}, head);
  if (!turn) {
    made.append(element("p", { className: "none", textContent: "The dialogue was over." }));
    return made;
  }
  const [number, shown, liked, sentence, , , done] = turn;
  head.append(element("span", { textContent: `turn ${number}: ${place_of(turn)}` }));
  const list = shown.map((each) => {
    if (each === user.target) return item(each, [["target", "looked for"]]);
    if (done && shown.length === 1) return item(each, [["liked", "has all that was wished for"]]);
    return item(each, each === liked ? [["liked", "liked best"]] : []);
  });
  made.append(element("ul", { className: "items" }, ...list));
  if (sentence !== null) made.append(element("blockquote", { textContent: data().sentences[sentence] }));
  else if (done) made.append(element("blockquote", { textContent: "This is what I was looking for." }));
  else made.append(element("p", { className: "none", textContent: "The user said nothing." }));
  return made;
}
function sum_up(one, turns) {
  const last = turns.at(-1);
  const found = last && last[6] ? `found in turn ${last[0]}` : `not found in ${turns.length} turns`;
  const ranks = turns.map((turn) => (turn[6] ? "found" : turn[4])).filter((rank) => rank !== null);
  const path = ranks.length > 1 ? `, ranks ${ranks.join(" → ")}` : "";
  return `${one.label}: ${found}${path}`;
}
function draw() {
  const index = data().users.findIndex((one) => String(one.number) === place("user").value);
  const user = data().users[index];
  const sides = ["left", "right"].map(model);
  const turns = sides.map((one) => one.turns[index]);
  const rows = Array.from({ length: Math.max(...turns.map((one) => one.length)) }, (_, number) =>
    element("li", {}, ...sides.map((one, side) => cell(one, turns[side], number, user))),
  );
  place("turns").replaceChildren(...rows);
  place("target").replaceChildren(item(user.target, [["target", "looked for"]], true));
  place("past").replaceChildren(...user.past.map((number) => item(number, [])));
  place("bought").hidden = !user.past.length;
  place("summary").textContent = sides.map((one, side) => sum_up(one, turns[side])).join("\n");
  place("before").disabled = index === 0;
  place("after").disabled = index === data().users.length - 1;
  const state = new URLSearchParams(PICKED.map((id) => [id, place(id).value]));
  history.replaceState(null, "", `#${state}`);
}
function known(value, entries, otherwise) {
  return entries.some(([name]) => name === value) ? value : otherwise;
}
function open(wanted) {
  const sets = recorded.datasets.map((one) => [one.name, one.label]);
  fill("data", sets, known(wanted.get("data"), sets, sets[0][0]));
  const users = data().users.map((one) => [String(one.number), `${one.number}${one.group ? `, ${one.group}` : ""}`]);
  fill("user", users, known(wanted.get("user"), users, users[0][0]));
  const models = data().models.map((one) => [one.name, one.label]);
  ["left", "right"].forEach((side, number) => {
    fill(side, models, known(wanted.get(side), models, data().pair[number]));
  });
  draw();
}
function step(by) {
  const user = place("user");
  user.selectedIndex += by;
  draw();
}
const hash = () => new URLSearchParams(location.hash.slice(1));

if (recorded.datasets.length) {
  place("data").addEventListener("change", () => open(new URLSearchParams(PICKED.map((id) => [id, place(id).value]))));
  for (const id of ["user", "left", "right"]) place(id).addEventListener("change", draw);
  place("before").addEventListener("click", () => step(-1));
  place("after").addEventListener("click", () => step(1));
  place("swap").addEventListener("click", () => {
    [place("left").value, place("right").value] = [place("right").value, place("left").value];
    draw();
  });
  window.addEventListener("hashchange", () => open(hash()));
  open(hash());
}
