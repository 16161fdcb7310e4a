// The page of `sluice demo`: orders as they are placed and confirmed, and buttons to disturb that.
// What keeps the page on the stream is follow.js, the file that /docs offers to every page.
import { follow } from "./follow.js";

const keep = 30; // orders and notes shown
const awayFor = 2_500; // ms
const began = { live: "now", replay: "with the newest", resumed: "where it was", reset: "anew", snapshot: "with the state" };
const tab = Math.random().toString(36).slice(2); // by which the demo knows this page's stream
const $ = (id) => document.getElementById(id);

let end = () => {}; // of the stream that is followed
let last = ""; // the newest id
let back; // the timer of a page that has gone away
let count = 0;
let update; // number of the newest update of this user
let gateway = 0; // that has the stream, counted from 1
let looking; // the timer of a page that waits for a gateway to come back
const score = { lost: 0, twice: 0 };
const orders = new Map(); // orderId → {item, status}

function user() {
  return document.querySelector("input[name=user]:checked").value;
}

// choose takes the user of the page's address, if it names one that there is.
function choose() {
  const named = new URLSearchParams(location.search).get("user");
  for (const input of document.querySelectorAll("input[name=user]")) {
    if (input.value === named) input.checked = true;
  }
}

// begin follows the chosen user's stream, from the newest events there are.
function begin() {
  leave();
  clear();
  last = "";
  known(undefined);
  const at = new URL(location.href);
  at.searchParams.set("user", user());
  history.replaceState(null, "", at);
  $("announcement").hidden = true;
  $("curl").textContent = `curl -N '${location.origin}/events?user=${user()}'`;
  resume();
}

// resume follows the stream from where the page was.
function resume() {
  leave();
  show("wait", "connecting");
  const query = new URLSearchParams({ user: user() });
  const events = new URLSearchParams({ user: user(), from: `last:${keep}`, tab });
  end = follow(`events?${events}`, { on, waiting, cursor: last, state: `state?${query}`, show: restate });
}

function leave() {
  clearTimeout(back);
  end();
  end = () => {};
}

// waiting is told that there is no stream.
function waiting() {
  show("wait", "reconnecting");
  note("the connection has ended; the page comes back by itself");
}

// restate shows the orders as they stand: after a reset.
function restate(state) {
  clear();
  for (const { data } of state.events.toSorted((a, b) => a.time.localeCompare(b.time))) order(Object(data));
  const numbers = state.events.map(({ data }) => data?.update).filter(Number.isInteger);
  known(numbers.length ? Math.max(...numbers) : undefined);
  count = 0;
  $("count").textContent = count;
}

function clear() {
  orders.clear();
  $("orders").replaceChildren();
  count = 0;
  $("id").textContent = "–";
  tally();
}

// parsed is the data of an event, which anybody may have written to the topic.
function parsed(data) {
  try {
    return Object(JSON.parse(data));
  } catch {
    return {};
  }
}

const handlers = {
  "order.placed": changed,
  "order.confirmed": changed,
  "announcement": (a) => {
    counted();
    $("announcement").textContent = a.text;
    $("announcement").hidden = false;
  },
  "sluice.hello": (hello) => {
    show("live", "live");
    $("outcome").textContent = began[hello.resume] ?? hello.resume;
    note(hello.resume === "resumed" ? "resumed where it was" : `began ${began[hello.resume] ?? hello.resume}`);
    locate();
  },
  "sluice.heartbeat": () => {},
  "sluice.reset": (reset) => {
    note(`reset (${reset.reason}): some events can't be had any more; getting the state`);
  },
  "sluice.stale": (stale) => {
    show("wait", "Kafka is away");
    note(`Kafka hasn't answered since ${clock(new Date(stale.since))}`);
  },
  "sluice.fresh": () => {
    show("live", "live");
    note("Kafka answers again");
  },
  "sluice.closing": (closing) => note(`the gateway ends this connection: ${closing.reason}`),
  "sluice.unavailable": (answer) => {
    show("wait", "unavailable");
    note(`not available now: ${answer.reason}`);
  },
};

// known is the number of the user's newest update; undefined: none is known.
function known(number) {
  update = number;
  $("update").textContent = number ?? "–";
}

// changed is told of an update. Its number says whether one was lost before it, or whether it came
// twice. A user's updates are in one partition, so they come in order.
function changed(o) {
  if (Number.isInteger(o.update)) {
    if (o.update <= update) score.twice++;
    if (o.update > update) score.lost += o.update - update - 1; // neither holds for the first
    known(Math.max(o.update, update ?? 0));
    $("score").textContent = `lost ${score.lost} · twice ${score.twice}`;
    $("score").dataset.bad = score.lost + score.twice > 0;
  }
  order(o);
}

// order shows what an order has become. A confirmation seen without its
// order (it was placed before the page began) makes the order, too.
function order(o) {
  counted();
  let shown = orders.get(o.orderId);
  if (!shown) {
    const item = $("order").content.firstElementChild.cloneNode(true);
    item.querySelector(".number").textContent = o.orderId;
    item.querySelector(".shop").textContent = o.shop ?? "";
    item.querySelector(".total").textContent = o.total === undefined ? "" : money(o);
    shown = { item };
    orders.set(o.orderId, shown);
    $("orders").prepend(item);
  }
  shown.item.dataset.status = shown.status = o.status;
  shown.item.querySelector(".status").textContent = o.status;
  for (const [id, old] of orders) { // a Map keeps the order of arrival
    if (orders.size <= keep) break;
    old.item.remove();
    orders.delete(id);
  }
  tally();
}

function money(o) {
  return o.total.toLocaleString(undefined, { minimumFractionDigits: 2 }) + " " + (o.currency ?? "");
}

function tally() {
  const confirmed = [...orders.values()].filter((o) => o.status === "confirmed").length;
  $("empty").hidden = orders.size > 0;
  $("tally").textContent = orders.size ? `${confirmed} of ${orders.size} confirmed` : "";
}

// heard shows that the stream is alive, and where it stands.
function heard(event) {
  last = event.lastEventId || last;
  $("id").textContent = last || "–";
  $("heard").textContent = clock(new Date());
}

function counted() {
  $("count").textContent = ++count;
}

function show(state, text) {
  $("state").dataset.state = state;
  $("state").textContent = text;
}

// note writes down what happened; the same again is counted.
function note(text) {
  const newest = $("notes").firstElementChild;
  const item = newest?.dataset.text === text ? newest : document.createElement("li");
  const times = Number(item.dataset.times ?? 0) + 1;
  const time = document.createElement("time");
  time.textContent = clock(new Date());
  item.dataset.text = text;
  item.dataset.times = times;
  item.replaceChildren(time, times > 1 ? `${text} (${times} times)` : text);
  $("notes").prepend(item);
  if ($("notes").childElementCount > keep) $("notes").lastElementChild.remove();
}

function clock(date) {
  return date.toLocaleTimeString(undefined, { hour12: false });
}

// locate asks which gateway has the stream, and again until all are there.
async function locate() {
  const answer = await fetch(`demo/where?tab=${tab}`).catch(() => undefined);
  if (!answer?.ok) return;
  const at = await answer.json();
  if (at.gateway && at.gateway !== gateway) {
    note(gateway ? `moved from gateway ${gateway} to gateway ${at.gateway}` : `served by gateway ${at.gateway}`);
    gateway = at.gateway;
    $("operator").href = `operator?gateway=${gateway}`; // the other one knows nothing of this page
  }
  $("gateways").replaceChildren(...at.there.map((there, i) => {
    const item = document.createElement("li");
    item.dataset.state = !there ? "away" : i + 1 === at.gateway ? "mine" : "there";
    item.textContent = `gateway ${i + 1}${{ away: ": stopped", mine: ": yours", there: "" }[item.dataset.state]}`;
    return item;
  }));
  if (at.there.includes(false)) {
    clearTimeout(looking);
    looking = setTimeout(locate, 1_000);
  }
}

// press does what a button says, at the demo. A page without a gateway has nobody to ask.
const press = (what) => fetch(`demo/${what}?tab=${tab}&user=${user()}`, { method: "POST" }).catch(() => {});

$("place").addEventListener("click", () => press("order"));
$("cut").addEventListener("click", () => press("cut"));
$("stop").addEventListener("click", async () => {
  await press("stop");
  locate();
});
$("fill").addEventListener("click", async () => {
  leave();
  show("wait", "away");
  note("gone: 100 orders come in meanwhile");
  await press("fill");
  clearTimeout(back);
  back = setTimeout(resume, awayFor);
});

// A tab that nobody looks at has no stream, and resumes where it was: a browser has six connections
// for all tabs of a site.
document.addEventListener("visibilitychange", () => {
  if (document.visibilityState === "visible") return resume();
  leave();
  show("wait", "away");
  note("gone: the tab is in the background");
});

// The names that are listened to, each with what it does.
const on = {};
for (const [name, handle] of Object.entries(handlers)) {
  on[name] = (event) => {
    heard(event);
    handle(parsed(event.data));
  };
}
for (const input of document.querySelectorAll("input[name=user]")) {
  input.addEventListener("change", begin);
}
choose();
begin();
