// The head of the page: how the gateway is, and its figures with their last minutes, above every view.
import { byId, el, keyed, setData, setText } from "./dom.js";
import { binary, Graph } from "./graph.js";
import * as format from "./format.js";

const tiles = [
  { name: "connections", label: "Connections", show: format.count },
  { name: "records/s", label: "Records read /s", show: format.rate },
  { name: "written/s", label: "Events written /s", show: format.rate },
  { name: "bytes/s", label: "Bytes written /s", show: format.bytes, steps: binary },
  { name: "lag", label: "Lag, records", show: format.count },
  { name: "cpu", label: "CPU, of a core", show: format.percent },
  { name: "memory", label: "Memory", show: format.bytes, steps: binary },
];

export function overview(live) {
  const places = tiles.map((tile) => {
    const graph = new Graph(tile.label, tile);
    const value = el("b", { id: `figure-${tile.name.replace("/s", "")}` });
    byId("figures").append(el("li", { class: "figure" }, el("span", { class: "label" }, tile.label), value, graph.element));
    return { ...tile, graph, value };
  });
  byId("pause").addEventListener("click", () => {
    live.setPaused(!live.paused);
    byId("pause").setAttribute("aria-pressed", live.paused);
  });
  live.onChange((_, error) => {
    fault(error);
    if (error) pill("bad", "no answer");
    if (!live.snapshot) return;
    for (const { name, show, graph, value } of places) {
      setText(value, show(live.latest(name)));
      graph.draw(live.series.of(name), live.step);
    }
    state(live.snapshot);
    if (!error) pill(...health(live.snapshot));
  });
}

function fault(error) {
  byId("fault").hidden = !error || error.status === 401;
  if (error) setText(byId("fault"), error.status ? error.message : "The gateway doesn't answer. The page shows its last answer.");
}

// pill is the one word on how the gateway is.
function pill(kind, text) {
  setData(byId("kafka"), "state", kind);
  setText(byId("kafka"), text);
}

// A stream that is held reads nothing, and that isn't Kafka's silence.
function health({ gateway, kafka, streams, time }) {
  const held = streams.some((s) => s.held?.length > 0);
  const silent = streams.some((s) => s.stale_since && !(s.held?.length > 0));
  const stale = kafka.answers ? 0 : (Date.parse(time) - Date.parse(kafka.stale_since)) / 1000;
  return gateway.draining ? ["wait", "draining"]
    : !kafka.answers && held && !silent ? ["bad", "a stream is held"]
    : !kafka.answers ? ["bad", `Kafka silent for ${format.span(stale)}`]
    : !gateway.ready ? ["wait", "not ready"]
    : ["good", "Kafka answers"];
}

function state({ gateway }) {
  const [version] = gateway.version.split(" ");
  byId("gateway").title = gateway.version;
  const up = gateway.uptime_seconds;
  setText(byId("gateway"), `${version} · up ${format.span(up < 60 ? Math.round(up) : up - (up % 60))}`);
}

// counters lists what has happened since the start, each by its reasons.
export function counters(live) {
  const place = byId("counters");
  live.onChange(() => {
    if (!live.snapshot) return;
    const { gateway, opened, closed, resets, unavailable, refused } = live.snapshot;
    const groups = [
      { name: "Open now", counts: { ...gateway.carriers, polls: gateway.polls, descriptors: gateway.descriptors } },
      { name: "Streams opened", counts: opened },
      { name: "Streams closed", counts: closed },
      { name: "Resets sent", counts: resets },
      { name: "Refused (retry later)", counts: unavailable },
      { name: "Refused (no identity)", counts: refused },
    ];
    keyed(place, groups, (g) => g.name, (g) => el("div", { class: "card", "data-group": g.name }, el("h3", {}, g.name), el("dl", { class: "counts" })), (card, g) => {
      drawCounts(card.querySelector("dl"), g.counts);
    });
  });
}

// words are for names that say how it is built rather than what it is.
const words = { held: "streams, held", goroutine: "streams, by a goroutine", websocket: "WebSockets", descriptors: "file descriptors" };

// drawCounts leaves out what never happened, but says "none" rather than nothing.
export function drawCounts(list, counts = {}) {
  const rows = Object.entries(counts).filter(([, n]) => n > 0);
  keyed(list, rows.length > 0 ? rows : [["none", undefined]], ([name]) => name,
    ([name]) => el("div", {}, el("dt", {}, words[name] ?? name.replaceAll("_", " ")), el("dd", { "data-count": name })),
    (row, [, n]) => setText(row.lastElementChild, n === undefined ? "" : format.count(n)));
}
