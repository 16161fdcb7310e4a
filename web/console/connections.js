// Who is connected, a page at a time, and a button that closes one.
import { ask, Refused } from "./api.js";
import { byId, el, keyed, setText, setWrapped } from "./dom.js";
import * as format from "./format.js";
import { since } from "./live.js";

const limit = 50; // connections a page
const every = 2; // snapshots between two looks at the page that is shown

// filter says what a connection is narrowed to.
function filter(s) {
  const subjects = s.subjects ?? (s.subject === undefined ? [] : [s.subject]);
  const parts = [];
  if (subjects.length === 1) parts.push(`subject ${subjects[0]}${s.any_user ? ", of any user" : ""}`);
  if (subjects.length > 1) parts.push(`${subjects.length} subjects: ${subjects.join(", ")}`);
  if (s.events) parts.push(`events ${s.events.join(", ")}`);
  return parts.join("; ");
}

// found says how many connections a page shows, of all that are open.
function found(shown, open) {
  if (shown === open) return open === 1 ? "1 connection" : `${format.count(open)} connections`;
  return `${format.count(shown)} of ${format.count(open)} connections`;
}

// from names a connection's address, where it has one: a client in the same process has none.
const from = (s) => (s.address ? ` from ${s.address}` : "");

export class Connections {
  #query = { user: "", stream: "" };
  #after = "";
  #next = "";
  #shown = false;
  #ticks = 0;
  #asking = 0; // only the newest question's answer is shown

  constructor(live) {
    this.live = live;
    const form = byId("find");
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#go("");
    });
    form.stream.addEventListener("change", () => this.#go(""));
    byId("first").addEventListener("click", () => this.#go(""));
    byId("next").addEventListener("click", () => this.#go(this.#next));
    live.onChange((_, error) => {
      if (this.#shown && !error && this.#ticks++ % every === 0) this.#ask();
    });
  }

  show(parameters) {
    this.#shown = true;
    if (parameters.has("user")) byId("find").user.value = parameters.get("user");
    this.#go("");
  }

  hide() { this.#shown = false; }

  #go(after) {
    const form = byId("find");
    this.#query = { user: form.user.value, stream: form.stream.value };
    this.#after = after;
    this.#ask();
  }

  async #ask() {
    const asking = ++this.#asking;
    let page;
    try {
      page = await ask("subscribers", { ...this.#query, after: this.#after, limit });
    } catch (error) {
      if (!(error instanceof Refused || error instanceof TypeError)) throw error;
      if (asking === this.#asking) setText(byId("found"), error.message);
      return;
    }
    if (asking === this.#asking) this.#draw(page);
  }

  // #age is how long ago a time of the gateway's was, by its own clock, as far as it has said; in seconds.
  #age(time) { return since(this.live.snapshot?.time ?? new Date(), time); }

  #draw({ open, subscribers, next = "" }) {
    this.#next = next;
    setText(byId("found"), found(subscribers.length, open));
    const asked = this.#query.user !== "" || this.#query.stream !== "";
    byId("nobody").hidden = subscribers.length > 0 || asked;
    byId("nothing-found").hidden = subscribers.length > 0 || !asked;
    byId("pages").hidden = this.#after === "" && next === "";
    byId("first").disabled = this.#after === "";
    byId("next").disabled = next === "";
    keyed(byId("subscribers"), subscribers, (s) => s.id, (s) => this.#row(s), (row, s) => this.#update(row, s));
  }

  #row(s) {
    const cell = (label, content, attributes = {}) => el("td", { "data-label": label, ...attributes }, content);
    const named = s.user === undefined ? el("span", { class: "quiet" }, "nobody") : el("b", { class: "user" }, s.user);
    const why = el("a", { href: `#why?${new URLSearchParams({ user: s.user ?? "", theirs: 1 })}`, class: "button", "aria-label": `Why did ${s.user} get what?` }, "Why?");
    return el("tr", { "data-id": s.id },
      el("th", { scope: "row", "data-label": "User" }, named),
      cell("Streams", s.streams.join(", ")),
      cell("Filter", filter(s)),
      cell("Since", "", { class: "number", title: format.moment(s.since) }),
      cell("Behind", ""),
      cell("Address", s.address ? el("code", {}, s.address) : "–", { class: "whole" }),
      cell("Protocol", s.carrier === "websocket" ? "WebSocket" : "SSE"),
      cell("Position", el("code")),
      el("td", { class: "actions" }, s.user === undefined ? null : why, " ",
        el("button", { type: "button", class: "danger", onclick: () => this.#close(s), "aria-label": `Close the connection of ${s.user ?? "nobody"}${from(s)}` }, "Close")));
  }

  async #close(s) {
    const dialog = byId("close-dialog");
    setText(byId("close-text"), `${s.user ?? "A caller without an identity"}${from(s)}, connected for ${format.span(this.#age(s.since))}. The gateway tells the client. A browser comes back by itself and resumes where it was.`);
    dialog.returnValue = "";
    dialog.showModal();
    await new Promise((resolve) => dialog.addEventListener("close", resolve, { once: true }));
    if (dialog.returnValue !== "close") return;
    try {
      await ask(`subscribers/${encodeURIComponent(s.id)}`, {}, { method: "DELETE" });
      setText(byId("found"), `Closed ${s.user ?? "the connection"}.`);
    } catch (error) {
      if (!(error instanceof Refused || error instanceof TypeError)) throw error;
      setText(byId("found"), error.status === 404 ? "The connection had already closed." : error.message);
    }
    await this.#ask();
    if (document.activeElement === document.body) byId("subscribers").closest(".scroll").focus(); // the row has gone, and what had the focus with it
  }

  #update(row, s) {
    const [, , , age, behind, , , position] = row.children;
    setText(age, format.span(this.#age(s.since)));
    setText(behind, howFar(s, this.#age(s.behind_since)));
    row.dataset.state = s.state;
    setWrapped(position.firstElementChild, s.position ?? "–");
  }
}

// howFar says how far behind a connection is; oldest is the age of what waits for it, in seconds.
export function howFar(s, oldest) {
  const waits = s.behind >= 1000 ? "1,000 or more" : format.count(s.behind);
  const since = oldest === undefined ? "" : `, the oldest for ${format.span(oldest)}`;
  switch (s.state) {
    case "live": return "up to date";
    case "behind": return `${waits}${since}`;
    case "catching_up": return "catching up from Kafka";
    case "lagged": return "lagged: past the log's end";
    default: return s.state.replaceAll("_", " ");
  }
}
