// Streams opened as a user would: each a card with what arrives, its ids, and the gateway's own events.
import { at } from "./api.js";
import { el, setData, setText, setWrapped, wrapped } from "./dom.js";
import { follow } from "./sse.js";
import * as format from "./format.js";

const atOnce = 4; // streams: a browser has six connections to a host, and the console needs some
const keep = 200; // events shown a stream
const longest = 2000; // characters of one event's data shown

const ways = [
  ["user", "a user id (auth: none)"],
  ["token", "a token or a key"],
  ["ticket", "a ticket"],
  ["cookie", "this browser's cookies, or nobody"],
];

// What the discovery document calls those that a gateway may not take.
const kinds = { user: ["none"], token: ["jwt", "key"], ticket: ["ticket"] };

const begins = [["last:20", "20 events back"], ["live", "now"], ["earliest", "the oldest there is"]];

export class Try {
  #open = new Set();

  // path is the route of events at this address. live, where the page has it, knows what is no event.
  constructor(place, path, live) {
    this.path = path;
    this.live = live;
    live?.onChange(() => { for (const trial of this.#open) trial.count(live.snapshot); });
    const options = (list) => list.map(([value, text]) => el("option", { value }, text));
    this.streams = el("select", { name: "stream" }, el("option", { value: "" }, "all readable"));
    this.form = el("form", { class: "form", "aria-label": "A stream to try", onsubmit: (event) => this.#submit(event) },
      el("label", {}, "As ", el("select", { name: "way", onchange: () => this.#ask() }, ...options(ways))),
      this.named = el("label", { class: "wide" }, el("span"), el("input", { name: "identity", autocomplete: "off", spellcheck: "false" })),
      el("label", {}, "Stream ", this.streams),
      el("label", {}, "Subject ", el("input", { name: "subject", autocomplete: "off", spellcheck: "false", placeholder: "all" })),
      el("label", {}, "From ", el("select", { name: "from" }, ...options(begins))),
      el("button", { class: "main" }, "Open the stream"),
      this.note = el("p", { class: "quiet", role: "status" }));
    this.empty = el("p", { class: "quiet" }, "No stream is open. Open one, and its events are listed here as they arrive.");
    this.cards = el("div", { class: "tries" });
    place.append(this.form, this.empty, this.cards);
    this.#ask();
  }

  // choices are the streams' names.
  choices(names) {
    if (this.streams.options.length === names.length + 1) return;
    this.streams.replaceChildren(this.streams.options[0], ...names.map((name) => el("option", { value: name }, name)));
  }

  // takes leaves the kinds of identity that the gateway takes, and begins with the likeliest, unless somebody has begun to say who they are.
  // caller is who this browser's cookies say, or null.
  takes(caller, auth) {
    const { way, identity } = this.form.elements;
    const left = ways.filter(([name]) => !kinds[name] || auth.some(({ kind }) => kinds[name].includes(kind)));
    const kept = identity.value !== "" && left.some(([name]) => name === way.value) ? way.value : "";
    way.replaceChildren(...left.map(([value, text]) => el("option", { value }, text)));
    way.value = kept || (caller ? "cookie" : left[0][0]);
    if (!kept) this.#ask();
  }

  // show opens what a link asks for: #try?user=alice&user=bob. What is open already stays as it is.
  show(parameters) {
    for (const user of parameters.getAll("user").slice(0, atOnce)) {
      if ([...this.#open].some((t) => t.title === user)) continue;
      this.#begin({ title: user, query: { user, from: "last:20" } });
    }
  }

  // as fills in who asks.
  as(name, who = "") {
    const { way, identity } = this.form.elements;
    way.value = name;
    this.#ask();
    identity.value = who;
  }

  // open opens a stream as the form says.
  open(stream) {
    this.streams.value = stream;
    this.form.requestSubmit();
  }

  #ask() {
    const { way, identity } = this.form.elements;
    const [label, type] = { user: ["User", "text"], token: ["Token", "password"], ticket: ["Ticket", "password"], cookie: ["", "text"] }[way.value];
    this.named.hidden = label === "";
    setText(this.named.firstElementChild, `${label} `);
    identity.type = type;
    identity.required = label !== "";
    identity.value = "";
  }

  #submit(event) {
    event.preventDefault();
    const { way, identity, stream, subject, from } = this.form.elements;
    const query = { stream: stream.value, subject: subject.value, from: from.value };
    if (way.value === "user" || way.value === "ticket") query[way.value] = identity.value;
    const title = { user: identity.value, token: "by token", ticket: "by ticket", cookie: "this browser" }[way.value];
    this.#begin({ title, query, token: way.value === "token" ? identity.value : "" });
    if (way.value !== "user") identity.value = "";
  }

  #begin(options) {
    setText(this.note, this.#open.size < atOnce ? "" : `${atOnce} streams are open: close one first. A browser has no more connections for a host.`);
    if (this.#open.size >= atOnce) return;
    const trial = new Trial({ ...options, path: this.path, counts: Boolean(this.live) }, () => {
      this.#open.delete(trial);
      this.empty.hidden = this.#open.size > 0;
    });
    this.#open.add(trial);
    this.empty.hidden = true;
    this.cards.append(trial.element);
    trial.count(this.live?.snapshot);
    trial.open();
  }
}

// Trial is one open stream and its card.
class Trial {
  #stop = new AbortController();
  #waiting = []; // events that are to be shown with the next frame
  #count = 0;
  #drawing = false;

  constructor({ title, path, query, token, counts }, gone) {
    Object.assign(this, { title, path, query, token });
    this.state = el("span", { class: "pill", role: "status", "data-state": "wait" }, "connecting");
    this.counted = el("dd", {}, "0");
    this.id = el("dd", {}, el("code", {}, "–"));
    this.refused = el("dd", { "data-fact": "refused" }, "–");
    this.list = el("ol", { class: "events", tabindex: 0, "aria-label": `Events of ${title}` });
    this.button = el("button", { type: "button", onclick: () => (this.#stop.signal.aborted ? this.open() : this.stop()) }, "Stop");
    const narrowed = [query.stream && `stream ${query.stream}`, query.subject && `subject ${query.subject}`].filter(Boolean).join(", ");
    this.element = el("article", { class: "card trial", "data-user": title },
      el("div", { class: "title" }, el("h3", {}, title), this.state, el("span", { class: "quiet" }, narrowed),
        el("span", { class: "buttons" }, this.button, " ", el("button", { type: "button", onclick: () => { this.stop(); this.element.remove(); gone(); } }, "Remove"))),
      el("dl", { class: "place" }, el("div", {}, el("dt", {}, "Events"), this.counted), counts ? el("div", {}, el("dt", {}, "Records refused"), this.refused) : null,
        el("div", {}, el("dt", {}, "Last id"), this.id)),
      this.list);
  }

  // count shows how many records of its streams were refused since it was opened, whoever they would have been for: a filter drops
  // them, or something is wrong with them. Nothing of them arrives, so the stream alone can't say it.
  count(snapshot) {
    const now = refused(snapshot, this.query.stream);
    if (!now) return;
    this.refusedBefore ??= now;
    const fresh = [...now].map(([why, n]) => [why, n - (this.refusedBefore.get(why) ?? 0)]).filter(([, n]) => n !== 0);
    if (fresh.some(([, n]) => n < 0)) this.refusedBefore = new Map(); // the gateway began anew
    else setText(this.refused, fresh.map(([why, n]) => `${format.count(n)} ${why.replaceAll("_", " ")}`).join(", ") || "none");
  }

  // open begins where the stream was left.
  async open() {
    this.#stop = new AbortController();
    setText(this.button, "Stop");
    this.#state("wait", "connecting");
    const { signal } = this.#stop;
    const query = this.lastId ? { ...this.query, lastEventId: this.lastId } : this.query;
    try {
      await follow(at(this.path, query), {
        token: this.token, signal,
        opened: () => this.#state("good", "live"),
        event: (event) => this.#take(event),
        waiting: (ms) => this.#state("wait", `reconnecting in ${format.span(ms / 1000)}`),
        refused: (problem) => {
          this.stop(["bad", `refused: ${problem.status}`]);
          this.#show({ event: `${problem.status}`, data: [problem.title, problem.detail].filter(Boolean).join(": "), id: "" });
        },
      });
    } catch (error) {
      this.stop(["bad", "failed"]);
      this.#show({ event: "error", data: error.message, id: "" });
    }
  }

  stop([kind, text] = ["wait", "stopped"]) {
    this.#stop.abort();
    setText(this.button, "Open again");
    this.#state(kind, text);
  }

  #state(kind, text) {
    setData(this.state, "state", kind);
    setText(this.state, text);
  }

  #take(event) {
    if (event.id) this.lastId = event.id;
    event.ours = event.event.startsWith("sluice.");
    if (event.ours) this.#heed(event);
    else this.#count++;
    this.#show(event);
  }

  // #show has a line drawn with the next frame: of an event, or of what was answered instead of a stream.
  #show(event) {
    this.#waiting.push({ ...event, at: new Date() });
    if (this.#waiting.length > keep) this.#waiting.shift();
    if (this.#drawing) return;
    this.#drawing = true;
    requestAnimationFrame(() => this.#draw());
  }

  // heed shows what the gateway's own events say of the stream.
  #heed({ event }) {
    if (event === "sluice.stale") this.#state("wait", "Kafka is silent");
    if (event === "sluice.hello" || event === "sluice.fresh") this.#state("good", "live");
    if (event === "sluice.closing") this.#state("wait", "closing");
    if (event === "sluice.unavailable") this.#state("wait", "refused (retry later)");
  }

  // #draw shows a frame's worth at once, the newest on top.
  #draw() {
    this.#drawing = false;
    setText(this.counted, format.count(this.#count));
    setWrapped(this.id.firstElementChild, this.lastId || "–");
    const items = this.#waiting.reverse().map((e) => el("li", { class: e.ours ? "event ours" : "event", title: e.id },
      el("time", {}, format.clock(e.at)), el("b", {}, e.event), el("code", {}, ...wrapped(clip(e.data)))));
    this.#waiting = [];
    this.list.prepend(...items);
    while (this.list.childElementCount > keep) this.list.lastElementChild.remove();
  }
}

// refused is how many records of a stream, or of all, were refused, by reason.
function refused(snapshot, stream) {
  if (!snapshot) return undefined;
  const counts = new Map();
  for (const s of snapshot.streams.filter(({ name }) => !stream || name === stream)) {
    for (const [why, n] of Object.entries(s.poison)) counts.set(why, (counts.get(why) ?? 0) + n);
  }
  return counts;
}

function clip(data) {
  return data.length <= longest ? data : `${data.slice(0, longest)} … (${format.count(data.length)} characters)`;
}
