// A graph of one figure over the last minutes: an SVG of two paths, drawn anew with each sample. A sample is a few pixels
// wide, so that this already is a smooth movement.
import { el, setText } from "./dom.js";
import * as format from "./format.js";

const svgNamespace = "http://www.w3.org/2000/svg";
const height = 100;
const fewest = 60; // samples that fill the width; more make room for themselves, up to all that are kept

function svg(name, attributes) {
  const element = document.createElementNS(svgNamespace, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
}

export class Graph {
  #values = [];
  #top = 0; // the figure at the upper edge
  #width = fewest; // samples
  #seconds = 1; // between two samples

  // label says what is drawn, show how a value is written, in steps of which round figures its scale goes.
  constructor(label, { show, steps = decimal }) {
    Object.assign(this, { label, show, steps });
    this.area = svg("path", { class: "area" });
    this.line = svg("path", { class: "line" });
    this.mark = svg("line", { class: "mark", y1: 0, y2: height, x1: -1, x2: -1 });
    this.svg = svg("svg", { preserveAspectRatio: "none", role: "img" });
    this.svg.append(this.area, this.line, this.mark);
    this.note = el("span", { class: "note" });
    this.element = el("div", { class: "graph" }, this.svg, this.note);
    this.element.addEventListener("pointermove", (event) => this.#point(event));
    this.element.addEventListener("pointerleave", () => this.#leave());
  }

  // draw shows the values, oldest first, the last of them at the right edge.
  draw(values, seconds) {
    this.#values = values;
    this.#seconds = seconds;
    this.#width = Math.max(fewest, values.length);
    this.#top = scale(values, this.#top, this.steps);
    const { line, area } = paths(values, this.#width, this.#top);
    this.svg.setAttribute("viewBox", `0 0 ${this.#width - 1} ${height}`);
    this.line.setAttribute("d", line);
    this.area.setAttribute("d", area);
    const highest = values.reduce((a, b) => (b > a ? b : a), 0);
    this.svg.setAttribute("aria-label", `${this.label}: now ${this.show(values.at(-1))}, highest ${this.show(highest)}`);
    if (!this.pointed) setText(this.note, this.#top > 0 ? this.show(this.#top) : "");
  }

  #point(event) {
    const box = this.svg.getBoundingClientRect();
    const x = Math.round(((event.clientX - box.left) / box.width) * (this.#width - 1));
    const i = x - (this.#width - this.#values.length);
    if (!(this.#values[i] >= 0)) return this.#leave();
    this.pointed = true;
    for (const end of ["x1", "x2"]) this.mark.setAttribute(end, x);
    setText(this.note, `${this.show(this.#values[i])} · ${format.span((this.#values.length - 1 - i) * this.#seconds)} ago`);
  }

  #leave() {
    this.pointed = false;
    for (const end of ["x1", "x2"]) this.mark.setAttribute(end, -1);
    setText(this.note, this.#top > 0 ? this.show(this.#top) : "");
  }
}

// decimal and binary are the round figures at or above n.
export function decimal(n) {
  const power = 10 ** Math.floor(Math.log10(n));
  return [1, 1.5, 2, 3, 5, 7.5, 10].map((step) => step * power).find((step) => step >= n);
}

export function binary(n) {
  const power = 2 ** Math.floor(Math.log2(n));
  return [1, 1.5, 2].map((step) => step * power).find((step) => step >= n);
}

// scale is a round figure that all values are below. It comes down only when they have come down by much: a graph whose
// scale changes all the time shows nothing.
function scale(values, before, steps) {
  const highest = values.reduce((a, b) => (b > a ? b : a), 0);
  if (highest <= before && highest > before / 4) return before;
  return highest > 0 ? steps(highest) : 0;
}

// paths are the line and what is below it. Samples that aren't known leave a gap.
function paths(values, width, top) {
  const line = [], area = [];
  const left = width - values.length;
  let begun = -1;
  for (let i = 0; i <= values.length; i++) {
    if (values[i] >= 0) {
      const y = top > 0 ? height - (values[i] / top) * (height - 4) - 1 : height - 1;
      const point = `${left + i} ${y.toFixed(1)}`;
      line.push(begun < 0 ? `M${point}` : `L${point}`);
      area.push(begun < 0 ? `M${left + i} ${height}L${point}` : `L${point}`);
      if (begun < 0) begun = i;
    } else if (begun >= 0) {
      area.push(`L${left + i - 1} ${height}Z`);
      begun = -1;
    }
  }
  return { line: line.join(""), area: area.join("") };
}
