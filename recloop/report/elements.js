// What pages with pictures are built of. Foreign texts are put in as text, never as markup.
"use strict";
const place = (id) => document.getElementById(id);

function element(tag, properties, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}
function fill(id, entries, value) {
  place(id).replaceChildren(...entries.map(([name, text]) => element("option", { value: name, textContent: text })));
  if (value) place(id).value = value;
}
// A picture in a list; of its marks, each a kind and a text, the texts stand below it.
function pictured(src, title, marks, more = "") {
  const alt = [title, ...marks.map(([, text]) => text)].join(", ");
  const said = marks.map(([, text]) => element("b", { textContent: text }));
  const className = marks.map(([kind]) => kind).join(" ");
  return element("li", { className, title }, element("img", { alt, src }), ...said, more);
}
