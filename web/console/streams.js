// One card a stream: its rates, lag and freshness as graphs, what it holds, and its partitions.
import { byId, el, keyed, setData, setText } from "./dom.js";
import { since } from "./live.js";
import { drawCounts } from "./overview.js";
import { Graph } from "./graph.js";
import * as format from "./format.js";

const graphs = [
  { figure: "events/s", label: "Events /s", show: format.rate },
  { figure: "deliveries/s", label: "Deliveries /s", show: format.rate },
  { figure: "lag", label: "Lag, records", show: format.count },
  { figure: "answered", label: "Last Kafka response", show: format.span, reads: format.ago },
];

// facts are a stream's other figures: what each is called, and how it reads.
const facts = [
  ["Subscribers", (s) => format.count(s.subscribers)],
  ["Records read", (s) => format.count(s.records)],
  ["Events", (s) => format.count(s.events)],
  ["Deliveries", (s) => format.count(s.deliveries)],
  ["Newest event", (s, now) => (s.newest_event ? format.ago(since(now, s.newest_event)) : "none yet")],
  ["Entries in memory", (s) => [format.short(s.log.entries), format.bytes(s.log.bytes)]],
  ["In memory since", (s, now) => (s.log.oldest ? format.ago(since(now, s.log.oldest)) : "–")],
  ["Subjects in state", (s) => (s.state ? [format.short(s.state.subjects), format.bytes(s.state.bytes)] : ["not kept"])],
];

export function streams(live) {
  const place = byId("streams");
  live.onChange(() => {
    if (!live.snapshot) return;
    keyed(place, live.snapshot.streams, (s) => s.name, make, (card, s) => draw(card, s, live));
  });
}

function make(s) {
  const card = el("article", { class: "card stream", "aria-labelledby": `stream-${s.name}`, "data-stream": s.name });
  card.parts = {
    state: el("span", { class: "pill" }),
    graphs: graphs.map((g) => ({ ...g, value: el("b", { "data-figure": g.figure }), graph: new Graph(`${s.name}, ${g.label}`, g) })),
    facts: facts.map(([name, show]) => ({ show, row: el("div", {}, el("dt", {}, name), el("dd", { "data-fact": name })) })),
    held: el("ul", { class: "held" }),
    poison: el("dl", { class: "counts", "data-counts": "poison" }),
    last: el("ul", { class: "last" }),
    resets: el("dl", { class: "counts", "data-counts": "resets" }),
    rows: el("tbody"),
    partitions: el("span", { class: "quiet", "data-count": "partitions" }),
  };
  const { state, graphs: drawn, facts: list, held, poison, last, resets, rows, partitions } = card.parts;
  const audience = s.audience === "user" ? "each event to its user" : "for everyone";
  card.append(
    el("div", { class: "title" },
      el("h3", { id: `stream-${s.name}` }, s.name), state,
      el("span", { class: "quiet" }, `topic ${s.topic} · ${audience}${s.access?.length ? ` · only ${s.access.join(", ")}` : ""}`)),
    held,
    el("ul", { class: "figures inner" }, ...drawn.map((g) => el("li", { class: "figure" }, el("span", { class: "label" }, g.label), g.value, g.graph.element))),
    el("dl", { class: "facts" }, ...list.map(({ row }) => row)),
    el("div", { class: "details" },
      el("details", {}, el("summary", {}, "Partitions ", partitions),
        el("table", {},
          el("thead", {}, el("tr", {}, ...["Partition", "Next offset", "End", "Lag"].map((name) => el("th", { scope: "col", class: "number" }, name)))),
          rows)),
      el("details", {}, el("summary", {}, "Refused records and resets"),
        el("div", { class: "pair" }, el("div", {}, el("h4", {}, "Records refused"), poison, last), el("div", {}, el("h4", {}, "Resets sent"), resets)))));
  return card;
}

function draw(card, s, live) {
  const { parts } = card;
  const now = live.snapshot.time;
  const held = s.held ?? [];
  const [kind, text] = held.length > 0 ? ["bad", `held for ${format.span(Math.max(...held.map((h) => since(now, h.since))))}`]
    : s.stale_since ? ["bad", `silent for ${format.span(since(now, s.stale_since))}`]
    : s.waiting ? ["wait", `waiting: ${s.waiting}`]
    : !s.warm ? ["wait", "warming"]
    : !s.fetching ? ["wait", "not fetching"]
    : ["good", "live"];
  setData(parts.state, "state", kind);
  setText(parts.state, text);
  for (const { figure, show, reads = show, value, graph } of parts.graphs) {
    setText(value, reads(live.latest(`${s.name} ${figure}`)));
    graph.draw(live.series.of(`${s.name} ${figure}`), live.step);
  }
  for (const { show, row } of parts.facts) {
    const texts = [show(s, now)].flat();
    if (texts.length === 1) setText(row.lastElementChild, texts[0]);
    else keyed(row.lastElementChild, texts, (_, i) => i, () => el("span"), setText);
  }
  keyed(parts.held, held, (h) => `${h.topic ?? ""}/${h.partition}`, (h) => el("li", { "data-held": h.partition }),
    (row, h) => setText(row, `Partition ${h.partition}${h.topic ? ` of ${h.topic}` : ""} waits at offset ${h.offset} for ${format.span(since(now, h.since))}, ${h.stops ? `as on_error: stop of ${h.stream} says` : `for a schema of ${h.stream}`}: ${h.why} (${h.reason})`));
  drawCounts(parts.poison, s.poison);
  keyed(parts.last, Object.entries(s.poison_last), ([why]) => why, makeLast, (row, [why, at]) => drawLast(row, why, at, now));
  drawCounts(parts.resets, s.resets);
  setText(parts.partitions, format.count(s.partitions.length));
  keyed(parts.rows, s.partitions, partitionName,
    (p) => el("tr", { "data-partition": partitionName(p) }, ...Array.from({ length: 4 }, () => el("td", { class: "number" }))),
    (row, p) => {
      setText(row.children[0], partitionName(p));
      [p.next, p.end, p.lag].forEach((n, i) => setText(row.children[i + 1], format.count(n)));
    });
}

// makeLast names the newest record that was refused for a reason, and leads to what is known of it.
function makeLast([why]) {
  return el("li", { "data-last": why }, el("a"), " ", el("span", { class: "quiet" }));
}

function drawLast(row, why, { topic, partition, offset, at }, now) {
  const [link, ago] = row.children;
  link.href = `#why?${new URLSearchParams({ topic, partition, offset })}`;
  setText(link, `${topic}, partition ${partition}, offset ${offset}`);
  setText(ago, `${why.replaceAll("_", " ")}, ${format.ago(since(now, at))}`);
}

// partitionName is a partition's number. In a stream of several topics its topic comes first.
function partitionName(p) {
  return p.topic ? `${p.topic}/${p.partition}` : String(p.partition);
}
