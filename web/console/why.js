// "Why did this user (not) get this event?": a question by record or by user, and the gateway's answer in words, with what it knows in tables.
import { ask, Refused } from "./api.js";
import { byId, el } from "./dom.js";
import * as format from "./format.js";

// causes in words, for the column beside the sentence; good ones are those that reached the user.
const causes = {
  written: "written", written_later: "written later", not_yet: "not yet", wrong_user: "someone else's", role: "lacks the role", stream: "did not ask for this stream",
  subject: "filtered by subject", event: "filtered by event name", not_connected: "not connected", disconnected: "disconnected before", before: "had it before", skipped: "skipped by a reset", lagged: "lagged, closed",
  poison: "poison record", filtered: "filtered by the stream", forgotten: "forgotten", not_read: "not read yet", no_record: "no event there",
};
const asMeant = "plain"; // it didn't reach the user, and that is nobody's fault
const kinds = {
  written: "good", written_later: "good", before: "good", not_yet: "wait",
  wrong_user: asMeant, stream: asMeant, subject: asMeant, event: asMeant, filtered: asMeant,
};

export class Why {
  constructor() {
    for (const id of ["by-record", "by-user"]) {
      byId(id).addEventListener("submit", (event) => {
        event.preventDefault();
        const query = new URLSearchParams([...new FormData(event.target)].filter(([, value]) => value !== ""));
        const wanted = `#why?${query}`;
        if (location.hash === wanted) this.show(query);
        else location.hash = wanted; // so that the question can be linked to; it comes back by show
      });
    }
  }

  // show puts the parameters into the form they belong to, and asks.
  async show(parameters) {
    if (![...parameters.keys()].length) return;
    const form = byId(parameters.has("offset") ? "by-record" : "by-user");
    for (const field of form.elements) {
      if (field.type === "checkbox") field.checked = parameters.has(field.name);
      else if (field.name) field.value = parameters.get(field.name) ?? "";
    }
    const question = Object.fromEntries(parameters);
    this.asking = question;
    let answer;
    try {
      answer = drawAnswer(await ask("decisions", question), question);
    } catch (error) {
      if (!(error instanceof Refused || error instanceof TypeError)) throw error;
      answer = [drawRefusal(error)];
    }
    if (this.asking !== question) return; // something else was asked meanwhile
    byId("answer").replaceChildren(...answer);
    byId("answer").dataset.question = parameters;
  }
}

function drawRefusal(error) {
  if (error.type !== "urn:sluice:problem:decisions-off") return el("p", { class: "fault" }, error.message);
  return el("div", { class: "card" },
    el("p", { class: "because" }, "This gateway doesn't remember its decisions, so it can't tell."),
    el("p", {}, "The key ", el("code", {}, "decisions: 10000"), " in its configuration (", el("code", {}, "SLUICE_DECISIONS"), ") turns this on. The gateway then remembers so many of the newest records: what each was decoded as, and whom it was written to. It never keeps a payload."));
}

function drawAnswer(answer, question) {
  const { records, capacity, remembered, since } = answer;
  const parts = [];
  if (answer.because && records.length < 2) parts.push(el("p", { class: "because", "data-cause": answer.cause }, answer.because));
  else if (records.length === 0) parts.push(el("p", { class: "because" }, "No remembered record matches."));
  parts.push(...records.map((record) => drawRecord(record, records.length === 1 && Boolean(answer.because), question)));
  const reach = since ? ` It reaches back to ${format.moment(since)}.` : "";
  parts.push(el("p", { class: "quiet" }, `The gateway remembers ${format.count(remembered)} of at most ${format.count(capacity)} records.${reach}`));
  return parts;
}

// drawRecord leaves out the sentence that already stands above.
function drawRecord(r, said, question) {
  if (!("offset" in question)) return drawLine(r, question);

  return el("article", { class: "card record", "data-cause": r.cause }, head(r, question),
    said || !r.because ? null : el("p", {}, r.because),
    el("dl", { class: "facts" }, ...facts(r).map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value)))),
    table("For", ["User", "Outcome", "Why", "When"], (r.for?.length > 1 || r.for?.[0]?.because !== r.because ? r.for ?? [] : []).map((f) => [el("b", { class: "user" }, f.user), cause(f.cause), f.because ?? "", format.moment(f.at)])),
    table("Subscribers", ["User", "Filter", "Connected", "Until", "Outcome", "When"], (r.subscribers ?? []).map((s) => [
      s.user ? el("b", { class: "user" }, s.user) : "nobody", s.subject ? `subject ${s.subject}` : "", format.moment(s.since),
      s.until ? `${format.moment(s.until)}${s.ended ? ` (${s.ended.replaceAll("_", " ")})` : ""}` : "still connected", cause(s.cause), format.moment(s.at),
    ])));
}

// drawLine is a record in a list: what became of it. Its link asks for the rest.
function drawLine(r, question) {
  return el("article", { class: "record line", "data-cause": r.cause }, head(r, question),
    el("p", {}, el("span", { class: "quiet" }, `${format.moment(r.read)} ${r.event ?? ""} ${r.subject ?? ""} `), r.because));
}

// head names the record, and is the link to the question about it alone.
function head(r, question) {
  const asked = { topic: r.topic, partition: r.partition, offset: r.offset, ...(question.user && { user: question.user }) };
  return el("div", { class: "title" },
    el("h3", {}, r.stream), cause(r.cause),
    el("a", { href: `#why?${new URLSearchParams(asked)}` }, `${r.topic} / ${r.partition} / ${r.offset}`));
}

function facts(r) {
  const belongs = r.audience === "everyone" ? "everyone" : [...(r.users ?? []), ...(r.more_users ? [`and ${format.count(r.more_users)} more`] : [])].join(", ");
  const decoded = r.poison ? [[r.cause === "filtered" ? "Left out" : "Poison", r.poison.replaceAll("_", " ")]] : [["Event", r.event || "unnamed"], ["About", r.subject || "–"], ["Belongs to", belongs || "nobody"]];
  return [
    ...decoded, ["Timestamp", format.moment(r.timestamp)], ["Read", format.moment(r.read)],
    ["Connections at that time", format.count(r.connected)], ["Written to", r.written == null ? "–" : r.written === 1 ? "1 connection" : `${format.count(r.written)} connections`],
  ];
}

function cause(name) {
  return el("span", { class: "pill", "data-state": kinds[name] ?? "bad" }, causes[name] ?? name ?? "–");
}

function table(title, names, rows) {
  if (rows.length === 0) return null;
  return el("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": title },
    el("table", { class: "stack" },
      el("caption", {}, title),
      el("thead", {}, el("tr", {}, ...names.map((name) => el("th", { scope: "col" }, name)))),
      el("tbody", {}, ...rows.map((row) => el("tr", {}, ...row.map((value, i) => el("td", { "data-label": names[i] }, value)))))));
}
