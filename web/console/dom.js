// Building the page. Text is only ever set as text: user ids and payloads are anybody's, and the policy of these pages
// (require-trusted-types-for) lets nothing be parsed as HTML anyway.

// roles of a table's parts, said aloud: on a phone the style sheet lays tables out as cards, and to some screen readers
// what isn't displayed as a table is none.
const roles = { table: "table", caption: "caption", thead: "rowgroup", tbody: "rowgroup", tr: "row", td: "cell" };
const headers = { col: "columnheader", row: "rowheader" }; // of th, by scope

const mostBreaks = 100; // of a long text: each is an element

// el makes an element: el("td", {class: "number"}, 3, " of ", strong).
export function el(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  const role = roles[name] ?? headers[attributes.scope];
  if (role) element.setAttribute("role", role);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (value === true) element.setAttribute(key, "");
    else if (value !== false && value != null) element.setAttribute(key, value);
  }
  element.append(...children.filter((child) => child != null));
  return element;
}

// byId finds what the document must have.
export function byId(id) {
  const found = document.getElementById(id);
  if (!found) throw new Error(`the page has no #${id}`);
  return found;
}

// setText touches the document only where something changed: a page that is drawn every second is read meanwhile.
export function setText(element, text) {
  text = String(text);
  if (element.textContent !== text) element.textContent = text;
}

// wrapped is a text without spaces, such as JSON or a position, that breaks between its parts first, and not within a word.
export function wrapped(text) {
  const pieces = [];
  const parts = text.split(/([,~&]|":(?=[[{]))(?=\S)/, 2 * mostBreaks);
  for (let i = 0; i < parts.length; i += 2) pieces.push(...(i > 0 ? [el("wbr")] : []), parts[i] + (parts[i + 1] ?? ""));
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  return length < text.length ? [...pieces, text.slice(length)] : pieces;
}

// setWrapped is setText for such a text.
export function setWrapped(element, text) {
  if (element.textContent !== text) element.replaceChildren(...wrapped(text));
}

// setData does the same for a data attribute that the style sheet looks at.
export function setData(element, name, value) {
  if (element.dataset[name] !== value) element.dataset[name] = value;
}

// keyed keeps the children of a parent in step with a list, one child a key. Children stay the same elements for as long as their
// key is there, so that focus and selection survive a redraw.
export function keyed(parent, items, keyOf, make, update) {
  const had = parent.keyedChildren ?? new Map();
  const has = new Map();
  let before = parent.firstElementChild;
  for (const [i, item] of items.entries()) {
    const key = keyOf(item, i);
    const child = had.get(key) ?? make(item);
    update(child, item);
    has.set(key, child);
    if (child === before) before = before.nextElementSibling;
    else parent.insertBefore(child, before);
  }
  for (const [key, child] of had) if (has.get(key) !== child) child.remove();
  parent.keyedChildren = has;
}
