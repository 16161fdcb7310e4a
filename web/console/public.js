// The console on the public address: what this caller may read, and a stream to try. It knows nothing of others.
import { at } from "./api.js";
import { byId, el, setText } from "./dom.js";
import { problemOf } from "./sse.js";
import { Try } from "./try.js";

// begin asks the gateway's discovery document what the caller may read, with this browser's cookies.
async function begin() {
  let response;
  try {
    response = await fetch(at(".well-known/sluice"), { cache: "no-store" });
  } catch {
    return setText(byId("who"), "The gateway doesn't answer. Load the page again.");
  }
  if (!response.ok) {
    const { title, detail } = await problemOf(response);
    new Try(byId("try"), "events").takes(null, [{ kind: "jwt" }, { kind: "ticket" }]); // it didn't say
    return setText(byId("who"), `The gateway refused: ${detail || title}`);
  }
  draw(await response.json());
}

function draw({ caller, streams, auth }) {
  const trying = new Try(byId("try"), "events");
  trying.takes(caller, auth);
  trying.choices(streams.map((s) => s.name));
  trying.show(new URLSearchParams(location.hash.slice(1).split("?")[1]));
  setText(byId("who"), `${identity(caller)} ${streams.length > 0 ? "You may read:" : "You may read no stream this way."}`);
  byId("yours").replaceChildren(...streams.map((s) => el("article", { class: "card" },
    el("div", { class: "title" },
      el("h3", {}, s.name),
      el("span", { class: "quiet" }, s.audience === "everyone" ? "every event, for all who may read the stream" : "events that belong to the caller"),
      s.subject ? el("span", { class: "quiet" }, "can be filtered by subject") : null,
      s.state ? el("span", { class: "quiet" }, "has a state") : null,
      s.deprecated ? el("span", { class: "quiet" }, deprecation(s.deprecated)) : null))));
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
