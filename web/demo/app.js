// The page of `sluice demo`: one plain EventSource, and what a page has to do
// beside it. An EventSource reconnects and resumes by itself while the
// connection merely breaks; three things are left to the page:
//
//   - it gives up for good on any answer but 200           → reopen() after a while
//   - it doesn't notice a connection that died in silence  → watch()
//   - a reset means that something can't be told any more  → restart()
"use strict";

const keep = 30; // orders and notes shown
const $ = (id) => document.getElementById(id);

let source = null;
let lastId = ""; // where reopen() resumes
let heartbeat = 15000; // ms, as the gateway's hello says
let watchdog = 0;
let later = 0; // timer of a reopen() to come
let count = 0;
const orders = new Map(); // orderId → {item, status}

function user() {
  return document.querySelector("input[name=user]:checked").value;
}

// open begins at a cursor, or with the newest events there are.
function open(from) {
  close();
  show("wait", "connecting");
  const query = new URLSearchParams({ user: user(), ...from });
  source = new EventSource("events?" + query);
  source.onopen = () => { show("live", "live"); watch(); };
  source.onerror = () => {
    if (source.readyState === EventSource.CONNECTING) {
      show("wait", "reconnecting");
      note("the connection was lost; the browser comes back by itself");
      clearTimeout(watchdog);
      return;
    }
    show("bad", "refused");
    note("the gateway refused; trying again in 5 s");
    clearTimeout(watchdog);
    later = setTimeout(reopen, 5000);
  };
  for (const [name, handle] of Object.entries(handlers)) {
    source.addEventListener(name, (event) => {
      heard(event);
      handle(parsed(event.data));
    });
  }
}

// parsed is the data of an event, which anybody may have written to the topic.
function parsed(data) {
  try {
    return Object(JSON.parse(data));
  } catch {
    return {};
  }
}

function close() {
  clearTimeout(watchdog);
  clearTimeout(later);
  if (source) source.close();
  source = null;
}

function reopen() {
  open(lastId ? { lastEventId: lastId } : { from: `last:${keep}` });
}

// restart forgets what is shown and begins anew.
function restart() {
  orders.clear();
  $("orders").replaceChildren();
  count = 0;
  lastId = "";
  tally();
  reopen();
}

// watch takes three heartbeats without a word for the end of the connection.
function watch() {
  clearTimeout(watchdog);
  watchdog = setTimeout(() => {
    note("nothing was heard any more; opening a new connection");
    reopen();
  }, 3 * heartbeat);
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
    heartbeat = hello.heartbeat;
    show("live", "live");
    $("outcome").textContent = hello.resume;
    note(hello.resume === "resumed" ? "resumed where it was" : `began: ${hello.resume}`);
  },
  "sluice.heartbeat": () => {},
  "sluice.reset": (reset) => {
    note(`reset (${reset.reason}): some events can't be had any more; beginning anew`);
    restart();
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

// heard takes the id, which every event of the gateway may move.
function heard(event) {
  if (event.lastEventId) lastId = event.lastEventId;
  $("id").textContent = lastId || "–";
  $("heard").textContent = clock(new Date());
  watch();
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

function begin() {
  $("announcement").hidden = true;
  $("curl").textContent = `curl -N '${location.origin}/events?user=${user()}'`;
  restart();
}

for (const input of document.querySelectorAll("input[name=user]")) {
  input.addEventListener("change", begin);
}
begin();
