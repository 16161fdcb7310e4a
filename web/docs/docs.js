// The page says everything without this; with it, it says what holds for this gateway and this caller.

import { colour, copyButtons } from "./code.js";

const all = (selector) => document.querySelectorAll(selector);
const base = new URL("..", location.href).href.replace(/\/$/, "");

for (const span of all("[data-base]")) span.textContent = base;

copyButtons(all("pre"));

const response = await fetch("../.well-known/sluice" + location.search);
if (response.ok) show(await response.json());
else if (response.status === 401) document.getElementById("yours").textContent = "The gateway refuses your credentials. Log in again.";
colour(all("pre"));

function show(gateway) {
  const kinds = new Set(gateway.auth.map((way) => way.kind));
  for (const part of all("[data-kind]")) part.hidden = !kinds.has(part.dataset.kind);
  for (const part of all("[data-route]")) part.hidden = !gateway.routes.some((route) => route.path === part.dataset.route);
  for (const link of all("[data-portal]")) link.hidden = !kinds.has("key");
  document.getElementById("ways").hidden = kinds.size < 2;

  const elsewhere = gateway.auth.filter((way) => way.kind === "jwt" && way.in !== "header").map((way) => `the ${way.in === "query" ? "parameter" : way.in} ${way.name}`);
  for (const span of all("[data-jwt]")) span.textContent = elsewhere.length ? `, or in ${elsewhere.join(", or ")}` : "";

  // Examples go by the way that is easiest to show.
  const query = kinds.has("none") ? "?user=alice" : kinds.size === 1 && kinds.has("ticket") ? "?ticket=…" : "";
  const credential = query ? "" : kinds.has("jwt") ? '-H "Authorization: Bearer $TOKEN" ' : '-H "Cookie: $COOKIE" ';
  for (const span of all("[data-query]")) span.textContent = query;
  for (const span of all("[data-credential]")) span.textContent = credential;
  for (const span of all("[data-heartbeat]")) span.textContent = `; no stream is silent for more than ${gateway.events.heartbeat_ms / 1000} seconds`;

  // A browser's EventSource can't send what stands in a header of its own.
  const bare = kinds.size > 0 && gateway.auth.every((way) => way.in === "header" && way.name !== "Cookie");
  for (const example of all("[data-page]")) example.hidden = (example.dataset.page === "header") !== bare;
  for (const span of all("[data-headers]")) span.textContent = bare ? '\n    headers: () => ({ Authorization: "Bearer " + token }),' : "";

  const names = gateway.streams.map((stream) => stream.name).join(", ");
  const who = gateway.caller ? (gateway.caller.user ? `You are ${gateway.caller.user}` : "You have a ticket") : "You have shown no identity";
  const yours = document.getElementById("yours");
  yours.textContent = names ? `${who}, and may read: ${names}.` : `${who}. You may read no stream yet.`;
  if (!gateway.caller && kinds.has("none")) {
    const alice = document.createElement("a");
    alice.href = "?user=alice";
    alice.textContent = "Say that you are alice";
    yours.append(" ", alice, ".");
  }
}
