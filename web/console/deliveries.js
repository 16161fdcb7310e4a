// One card a delivery: what it sends and what waits, what went wrong, and buttons that pause it and have it go on.
import { ask, Refused } from "./api.js";
import { byId, el, keyed, setData, setText } from "./dom.js";
import * as format from "./format.js";
import { Graph } from "./graph.js";
import { deliveryFigure, since, sumOf } from "./live.js";
import { drawCounts } from "./overview.js";

const graphs = [
  { figure: "delivered/s", label: "Delivered /s", show: format.rate },
  { figure: "failed/s", label: "Failed attempts /s", show: format.rate },
  { figure: "lag", label: "Lag, records", show: format.count },
  { figure: "oldest", label: "Oldest waiting, for", show: format.span },
];

// facts are a delivery's other figures: what each is called, its name for tests, and how it reads.
const facts = [
  ["In flight", "in_flight", (d) => format.count(d.in_flight)],
  ["Circuit", "circuit", (d) => d.circuit],
  ["Delivered", "delivered", (d) => format.count(d.delivered)],
  ["Failed attempts", "failed", (d) => format.count(sumOf(d.failed_attempts))],
  ["Dead letters", "dead_letters", (d) => (d.dead_letter ? format.count(sumOf(d.dead_letters)) : "not kept")],
  ["Waiting keys", "waiting_keys", (d) => format.count(d.waiting_keys)],
  ["Records in memory", "held", (d) => [format.short(d.held), format.bytes(d.held_bytes)]],
  ["Partitions", "partitions", (d) => [format.count(d.partitions), ...(d.full_partitions ? [`${format.count(d.full_partitions)} full`] : [])]],
];

const counts = [
  ["Failed attempts", "failed_attempts"],
  ["Dead letters", "dead_letters"],
  ["Records left out", "dropped"],
];

export function deliveries(live) {
  const place = byId("deliveries");
  live.onChange(() => {
    if (!live.snapshot) return;
    const all = live.snapshot.deliveries ?? [];
    byId("to-deliveries").hidden = all.length === 0;
    byId("no-deliveries").hidden = all.length > 0;
    keyed(place, all, (d) => d.name, (d) => make(d, live), (card, d) => draw(card, d, live));
  });
}

function make(d, live) {
  const card = el("article", { class: "card stream", "aria-labelledby": `delivery-${d.name}`, "data-delivery": d.name });
  card.parts = {
    state: el("span", { class: "pill" }),
    wrong: el("ul", { class: "held" }),
    graphs: graphs.map((g) => ({ ...g, value: el("b", { "data-figure": g.figure }), graph: new Graph(`${d.name}, ${g.label}`, g) })),
    facts: facts.map(([name, fact, show]) => ({ show, row: el("div", {}, el("dt", {}, name), el("dd", { "data-fact": fact })) })),
    counts: counts.map(([name, field]) => ({ name, field, list: el("dl", { class: "counts", "data-counts": field }) })),
    button: el("button", { type: "button", onclick: () => change(d.name, card.parts.button.dataset.does, live) }),
  };
  const { state, wrong, graphs: drawn, facts: list, counts: counted, button } = card.parts;
  card.append(
    el("div", { class: "title" },
      el("h3", { id: `delivery-${d.name}` }, d.name), state,
      el("span", { class: "quiet" }, `topic ${d.topic} to ${d.target} · group ${d.group}`),
      el("span", { class: "buttons" }, button)),
    wrong,
    el("ul", { class: "figures inner" }, ...drawn.map((g) => el("li", { class: "figure" }, el("span", { class: "label" }, g.label), g.value, g.graph.element))),
    el("dl", { class: "facts" }, ...list.map(({ row }) => row)),
    el("details", {}, el("summary", {}, "By cause"),
      el("div", { class: "counters" }, ...counted.map(({ name, list }) => el("div", {}, el("h4", {}, name), list)))));
  return card;
}

// pills are the looks of the states, by their words.
const pills = { running: "good", starting: "wait", paused: "wait", waiting: "bad", stopped: "bad" };

function draw(card, d, live) {
  const { parts } = card;
  const name = deliveryFigure(d.name);
  const isDown = d.state === "running" && d.circuit === "open";
  setData(parts.state, "state", isDown || d.stuck > 0 ? "bad" : (pills[d.state] ?? "wait"));
  setText(parts.state, isDown ? "the target is down" : d.state === "waiting" ? "waiting for Kafka" : d.state);
  const wrong = [];
  if (d.why) wrong.push(`${d.state[0].toUpperCase()}${d.state.slice(1)} for ${format.span(since(live.snapshot.time, d.since))}: ${d.why}`);
  if (isDown) wrong.push("The target doesn't take records. One is tried every five seconds, and the others wait.");
  if (d.stuck > 0) wrong.push(`${format.count(d.stuck)} records were tried as often as retry.attempts says. There is no dead_letter, so they stay and their keys wait.`);
  keyed(parts.wrong, wrong, (_, i) => i, () => el("li"), setText);
  for (const { figure, show, value, graph } of parts.graphs) {
    setText(value, show(live.latest(name(figure))));
    graph.draw(live.series.of(name(figure)), live.step);
  }
  for (const { show, row } of parts.facts) {
    keyed(row.lastElementChild, [show(d)].flat(), (_, i) => i, () => el("span"), setText);
  }
  for (const { field, list } of parts.counts) drawCounts(list, d[field]);
  const resumes = d.state === "paused" || d.state === "stopped";
  setData(parts.button, "does", resumes ? "resume" : "pause");
  setText(parts.button, resumes ? "Resume" : "Pause");
  const label = `${resumes ? "Resume" : "Pause"} the delivery ${d.name}`;
  if (parts.button.getAttribute("aria-label") !== label) parts.button.setAttribute("aria-label", label);
}

// change pauses a delivery, or has it go on: on this gateway, which is the only one that the page asks.
async function change(delivery, does, live) {
  const said = byId("delivery-said");
  try {
    await ask(`deliveries/${encodeURIComponent(delivery)}/${does}`, {}, { method: "POST" });
    setText(said, does === "pause"
      ? `This gateway sends nothing of ${delivery} until it is resumed or restarted. Other gateways deliver on.`
      : `This gateway delivers ${delivery} again.`);
  } catch (error) {
    if (!(error instanceof Refused || error instanceof TypeError)) throw error;
    setText(said, error.status ? error.message : "The gateway doesn't answer.");
  }
  live.now();
}
