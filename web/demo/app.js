// The page of `sluice demo`: orders as they are placed and confirmed. What keeps it on the stream is
// follow.js, the file that the gateway's /docs offers to every page.
import { follow } from "./follow.js";

const keep = 30; // orders and notes shown
const $ = (id) => document.getElementById(id);

let end = () => {}; // of the stream that is followed
let count = 0;
const orders = new Map(); // orderId → {item, status}

function user() {
  return document.querySelector("input[name=user]:checked").value;
}

// begin follows the chosen user's stream, from the newest events there are.
function begin() {
  end();
  clear();
  $("announcement").hidden = true;
  $("curl").textContent = `curl -N '${location.origin}/events?user=${user()}'`;
  show("wait", "connecting");
  const query = new URLSearchParams({ user: user() });
  end = follow(`events?${query}&from=last:${keep}`, { on, waiting, state: `state?${query}`, show: restate });
}

// waiting is told that there is no stream.
function waiting(ms) {
  show("wait", "reconnecting");
  note(`the connection has ended; a new one comes in ${(ms / 1000).toFixed(1)} s`);
}

// restate shows the orders as they stand: after a reset.
function restate(state) {
  clear();
  for (const { data } of state.events.toSorted((a, b) => a.time.localeCompare(b.time))) order(Object(data));
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
  "order.placed": order,
  "order.confirmed": order,
  "announcement": (a) => {
    counted();
    $("announcement").textContent = a.text;
    $("announcement").hidden = false;
  },
  "sluice.hello": (hello) => {
    show("live", "live");
    $("outcome").textContent = hello.resume;
    note(hello.resume === "resumed" ? "resumed where it was" : `began: ${hello.resume}`);
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
  $("id").textContent = event.lastEventId || "–";
  $("heard").textContent = clock(new Date());
}

function counted() {
  $("count").textContent = ++count;
}

function show(state, text) {
  $("state").dataset.state = state;
  $("state").textContent = text;
}

function note(text) {
  const item = document.createElement("li");
  const time = document.createElement("time");
  time.textContent = clock(new Date());
  item.append(time, text);
  $("notes").prepend(item);
  if ($("notes").childElementCount > keep) $("notes").lastElementChild.remove();
}

function clock(date) {
  return date.toLocaleTimeString(undefined, { hour12: false });
}

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
begin();
