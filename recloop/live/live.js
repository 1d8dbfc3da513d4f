// One person and one trained model. All texts are put in as text, never as markup.
"use strict";
const place = (id) => document.getElementById(id);
let catalogues = [];
let dialogue = null;
let list = null;

function element(tag, properties, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}
function fill(id, entries, value) {
  place(id).replaceChildren(...entries.map(([name, text]) => element("option", { value: name, textContent: text })));
  if (value) place(id).value = value;
}
async function ask(path, body) {
  const sent = body && { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
  const response = await fetch(path, sent);
  const said = await response.json();
  if (!response.ok) throw new Error(said.error);
  return said;
}
function picture({ item }, alt) {
  return element("img", { alt, src: `/pictures/${dialogue}/${item}` });
}
function choice(one, index) {
  const id = `liked-${index}`;
  const button = element("input", { type: "radio", name: "liked", id, value: String(one.item), required: true });
  return element("li", {}, button, element("label", { htmlFor: id }, picture(one, ""), element("span", { textContent: one.title })));
}
function listed(one, marks) {
  const said = marks.map(([, text]) => element("b", { textContent: text }));
  const alt = [one.title, ...marks.map(([, text]) => text)].join(", ");
  return element("li", { className: marks.map(([kind]) => kind).join(" "), title: one.title }, picture(one, alt), ...said);
}
function show(said, target) {
  list = said;
  place("now").textContent = `List ${said.number} of ${place("talk").dataset.lists}`;
  place("shown").replaceChildren(...said.shown.map(choice));
  place("critique").value = "";
  const over = said.number >= Number(place("talk").dataset.lists);
  place("answer").querySelector("button").disabled = over;
  const rank = `What you may look for stood at rank ${said.rank.toLocaleString("en")} of ${said.items} items.`;
  const found = said.found ? "What you may look for has been shown." : rank;
  place("said").textContent = `List ${said.number} is there. ${found}${over ? " This was the last list: begin another dialogue." : ""}`;
}
function keep(liked, critique) {
  const items = list.shown.map((one) => listed(one, one.item === liked ? [["liked", "you liked this best"]] : []));
  const head = element("h3", { textContent: `List ${list.number}` });
  const body = element("article", {}, head, element("ul", { className: "items" }, ...items), element("blockquote", { textContent: critique }));
  place("turns").prepend(element("li", {}, body));
  place("before").hidden = false;
}
function guarded(work) {
  return async (event) => {
    event.preventDefault();
    const button = event.target.querySelector("button");
    button.disabled = true;
    try {
      await work();
    } catch (error) {
      place("said").textContent = `Not done: ${error.message}.`;
    } finally {
      button.disabled = event.target.id === "answer" && list.number >= Number(place("talk").dataset.lists);
    }
  };
}
async function begin() {
  place("said").textContent = "The model is being loaded.";
  const said = await ask("/dialogues", { catalogue: place("catalogue").value, model: place("model").value });
  dialogue = said.dialogue;
  place("talk").dataset.lists = said.lists;
  place("talk").hidden = false;
  place("turns").replaceChildren();
  place("before").hidden = true;
  place("target").replaceChildren(listed(said.target, [["target", "looked for"]]));
  place("past").replaceChildren(...said.past.map((one) => listed(one, [])));
  place("bought").hidden = !said.past.length;
  show(said);
  place("now").focus();
}
async function turn() {
  const liked = Number(place("answer").elements.liked.value);
  const critique = place("critique").value;
  const said = await ask("/turns", { dialogue, liked, critique });
  keep(liked, critique);
  show(said);
  place("now").focus();
}
function offer() {
  const chosen = catalogues.find((one) => one.name === place("catalogue").value);
  fill("model", Object.entries(chosen.models), chosen.first);
}
async function open() {
  const said = await ask("/catalogues");
  catalogues = said.catalogues;
  place("critique").maxLength = said.critique;
  fill("catalogue", catalogues.map((one) => [one.name, one.title]));
  offer();
}
place("catalogue").addEventListener("change", offer);
place("start").addEventListener("submit", guarded(begin));
place("answer").addEventListener("submit", guarded(turn));
open().catch((error) => { place("said").textContent = `Not done: ${error.message}.`; });
