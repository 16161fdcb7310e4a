// The console on the public address: what this caller may read, and a stream to try. It knows nothing of others.
import { at } from "./api.js";
import { byId, el, setText } from "./dom.js";
import { problemOf } from "./sse.js";
import { Try } from "./try.js";

// begin asks the gateway's discovery document what the caller may read, with this browser's cookies.
async function begin() {
  let response;
  try {
    response = await fetch(at(`.well-known/sluice${location.search}`), { cache: "no-store" });
  } catch {
    setText(byId("who"), "The gateway doesn't answer.");
    return offer(again("Ask it again"));
  }
  if (!response.ok) {
    const { title, detail } = await problemOf(response);
    new Try(byId("try"), "events").takes(null, [{ kind: "jwt" }, { kind: "ticket" }]); // it didn't say
    setText(byId("who"), `The gateway refused: ${detail || title}`);
    return offer(["Sign in to your app anew, then ", again("load this page again"), "."], ["Or paste a token or a ticket below."]);
  }
  draw(await response.json());
}

function draw({ caller, streams, auth }) {
  const trying = new Try(byId("try"), "events");
  trying.takes(caller, auth);
  trying.choices(streams.map((s) => s.name));
  trying.show(new URLSearchParams(location.hash.slice(1).split("?")[1]));
  const user = auth.some(({ kind }) => kind === "none") ? caller?.user : undefined; // no cookie says so
  if (user) trying.as("user", user);
  setText(byId("who"), `${identity(caller)} ${streams.length > 0 ? "You may read:" : "You may read no stream yet."}`);
  byId("keys").hidden = !auth.some(({ kind }) => kind === "key");
  if (!caller) offer(...waysIn(auth));
  else if (streams.length === 0) offer(["No stream takes your roles. Ask an operator to add one of them to a stream's ", el("code", {}, "access"), "."]);
  byId("yours").replaceChildren(...streams.map((s) => el("article", { class: "card" },
    el("div", { class: "title" },
      el("h3", {}, s.name),
      el("span", { class: "quiet" }, s.audience === "everyone" ? "every event, for all who may read the stream" : "events that belong to the caller"),
      s.subject ? el("span", { class: "quiet" }, "can be filtered by subject") : null,
      s.state ? el("span", { class: "quiet" }, "has a state") : null,
      s.deprecated ? el("span", { class: "quiet" }, deprecation(s.deprecated)) : null,
      el("span", { class: "buttons" }, el("button", { type: "button", "aria-label": `Open the stream ${s.name}`, onclick: () => open(s.name) }, "Open"))))));

  function open(name) {
    if (user) trying.as("user", user);
    else trying.as("cookie");
    trying.open(name);
  }
}

// offer lists what the caller can do next.
function offer(...items) {
  byId("next").replaceChildren(...items.map((item) => el("li", {}, ...[item].flat())));
}

const again = (text) => el("a", { href: location.href, onclick: (event) => { event.preventDefault(); location.reload(); } }, text);

// waysIn says how somebody without an identity gets one, by what the gateway takes.
function waysIn(auth) {
  const takes = (kind, where) => auth.some((way) => way.kind === kind && (!where || way.in === where));
  const login = takes("authjs") || takes("forward") || takes("jwt", "cookie");
  return [
    takes("none") && ["This gateway is for trying out, and believes any name: ", el("a", { href: "?user=alice" }, "be alice"), ", or enter another below."],
    login && ["Sign in to your app in this browser, then ", again("load this page again"), "."],
    takes("jwt") && ["Paste a token of your login below. The page sends it as ", el("code", {}, "Authorization: Bearer"), " and keeps it nowhere."],
    takes("key") && ["Paste a key below: make one at ", el("a", { href: "../docs/keys.html" }, "your keys"), "."],
    takes("ticket") && ["Paste a ticket below, which your back end asks for with its API key."],
  ].filter(Boolean);
}

function deprecation({ since, sunset, successor }) {
  return [`deprecated since ${since}`, sunset && `may be gone from ${sunset} on`, successor && `read ${successor} instead`].filter(Boolean).join(", ");
}

function identity(caller) {
  if (!caller) return "You have no identity: this browser sends no credentials.";
  const roles = caller.roles?.length ? ` (${caller.roles.join(", ")})` : "";
  return caller.user ? `You are ${caller.user}${roles}.` : `Your ticket is for ${caller.subject}.`;
}

begin();
