// The portal's page: a developer's keys and tickets. All text goes into it as text.

import { copyButtons } from "./code.js";

const $ = (selector) => document.querySelector(selector);
const base = new URL("..", location.href).href.replace(/\/$/, "");
const hour = 3600_000;
const words = { live: "Good", replaced: "Replaced", expired: "Expired", revoked: "Revoked" };
const actions = { read: "read", tickets: "tickets", publish: "publish" };

copyButtons([$("#text").parentElement, $("#try").parentElement]);
$("#done").addEventListener("click", () => {
  $("#made").hidden = true;
  $("#text").textContent = $("#try").textContent = "";
  $("#keys-title").scrollIntoView();
});

/** Asks the portal. It fails with what the gateway says is wrong. */
async function ask(method, path, body) {
  const response = await fetch(`../portal/${path}`, {
    method,
    headers: method === "GET" ? {} : { "Content-Type": "application/json" },
    body: body && JSON.stringify(body),
  }).catch(() => {
    throw new Error("The gateway doesn't answer. Try again.");
  });
  if (response.ok) return response.status === 204 ? null : response.json();
  const problem = await response.json().catch(() => ({}));
  throw Object.assign(new Error(problem.detail || problem.title || `The gateway answers ${response.status}.`), { status: response.status });
}

function element(name, ...content) {
  const made = document.createElement(name);
  made.append(...content);
  return made;
}

const date = (text) => {
  const at = new Date(text);
  return Object.assign(element("time", at.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" })), { dateTime: text });
};
const streamsOf = (one) => (one.streams ? one.streams.join(", ") : "all your streams");

/** A button that is pressed twice, so that nothing ends by a slip. */
function twice(text, again, does) {
  const button = Object.assign(element("button", text), { type: "button", className: "small" });
  button.addEventListener("click", async () => {
    if (button.textContent !== again) {
      button.textContent = again;
      return;
    }
    button.disabled = true;
    await tell(does);
    button.disabled = false;
    button.textContent = text;
  });
  button.addEventListener("blur", () => { button.textContent = text; });
  return button;
}

/** Does something, shows what went wrong, and what there is now. */
async function tell(does) {
  $("#problem").hidden = true;
  try {
    await does();
    await show();
  } catch (error) {
    $("#problem").textContent = error.message;
    $("#problem").hidden = false;
  }
}

/** Shows a text that is shown once. */
function reveal(title, text, example) {
  $("#made-title").textContent = title;
  $("#text").textContent = text;
  $("#try").textContent = example;
  $("#made").hidden = false;
  $("#made-title").focus();
}

const revealKey = (made) => reveal(`Copy the key "${made.name}" now`, made.key, `curl -N -H "Authorization: Bearer ${made.key}" '${base}/events'`);

function fill(section, all, cells) {
  const titles = [...document.querySelectorAll(`${section} th`)].map((title) => title.textContent);
  $(`${section} tbody`).replaceChildren(...all.map((one) => {
    const row = element("tr", ...cells(one).map((cell, i) => {
      const made = Object.assign(element("td", ...[cell].flat()), { role: "cell" });
      made.dataset.title = titles[i];
      return made;
    }));
    row.role = "row";
    row.dataset.id = one.id;
    row.dataset.state = one.state;
    return row;
  }));
  $(`${section} .scroll`).hidden = all.length === 0;
  $(`${section} .none`).hidden = all.length > 0;
}

const state = (one) => element("span", one.state === "replaced" ? "Replaced, good until it ends" : (words[one.state] ?? one.state));

async function show() {
  const { keys } = await ask("GET", "keys");
  fill("#keys", keys, (key) => {
    const change = [];
    if (key.state === "live") {
      change.push(twice("Rotate", "Rotate now", async () => revealKey(await ask("POST", `keys/${key.id}/rotate`, {}))), " ");
    }
    if (key.state === "live" || key.state === "replaced") {
      change.push(twice("Revoke", "Revoke now", () => ask("DELETE", `keys/${key.id}`)));
    }
    const uses = key.uses ? [`${key.uses}, last `, date(key.last_used)] : ["none"];
    return [key.name, `${key.actions.map((a) => actions[a] ?? a).join(", ")}: ${streamsOf(key)}`, state(key), date(key.ends), uses, change];
  });
  $("#keys").hidden = false;
  if (!hasTickets) return;
  const { tickets } = await ask("GET", "tickets");
  fill("#tickets", tickets, (ticket) => [
    ticket.name, streamsOf(ticket), state(ticket), date(ticket.expires),
    ticket.state === "live" ? twice("Revoke", "Revoke now", () => ask("DELETE", `tickets/${ticket.id}`)) : "",
  ]);
  $("#tickets").hidden = false;
}

/** What a form says: absent is what isn't chosen. */
function chosen(form) {
  const data = new FormData(form);
  const streams = data.getAll("streams");
  return { name: data.get("name").trim(), ...(streams.length > 0 && { streams }) };
}

function onSubmit(selector, does) {
  const form = $(selector);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = form.querySelector("button");
    button.disabled = true;
    await tell(async () => {
      await does(form);
      form.reset();
    });
    button.disabled = false;
  });
}

onSubmit("#new-key", async (form) => {
  const data = new FormData(form);
  revealKey(await ask("POST", "keys", { ...chosen(form), actions: data.getAll("actions"), expires_in: `${data.get("days") * 24}h` }));
});
onSubmit("#new-ticket", async (form) => {
  const made = await ask("POST", "tickets", { ...chosen(form), ttl: new FormData(form).get("ttl") });
  reveal(`Copy the ticket "${made.name}" now`, made.ticket, `curl -N '${base}/events?ticket=${made.ticket}'`);
});

const gateway = await fetch("../.well-known/sluice").then((response) => response.json());
const has = (path) => gateway.routes?.some((route) => route.path === path);
const hasTickets = has("/portal/tickets");
for (const choices of document.querySelectorAll(".streams")) {
  choices.replaceChildren(...(gateway.streams ?? []).map(({ name }) => element("label", Object.assign(document.createElement("input"), { type: "checkbox", name: "streams", value: name }), ` ${name}`)));
}
$("input[value=tickets]").parentElement.hidden = !has("/tickets");
$("input[value=publish]").parentElement.hidden = !has("/publish/{stream}");

const who = $("#who");
try {
  const { limits, user } = await ask("GET", "keys");
  const longest = Number.parseFloat(limits.max_expires_in) * hour;
  for (const option of document.querySelectorAll("[name=days] option")) option.hidden = option.disabled = option.value * 24 * hour > longest;
  who.textContent = `You are ${user}. You may have ${limits.keys} keys at a time.`;
  await tell(() => {});
} catch (error) {
  who.textContent = error.status === 401 ? "You are not signed in. Sign in to your app, and load this page again." : error.message;
}
