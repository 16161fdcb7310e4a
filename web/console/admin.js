// The console on the admin address: everything.
import { at, beginToken } from "./api.js";
import { Connections } from "./connections.js";
import { deliveries } from "./deliveries.js";
import { byId, el } from "./dom.js";
import { Live } from "./live.js";
import { counters, overview } from "./overview.js";
import { route } from "./router.js";
import { streams } from "./streams.js";
import { Try } from "./try.js";
import { Why } from "./why.js";

const live = new Live();
overview(live);
streams(live);
deliveries(live);
counters(live);
const trying = new Try(byId("try"), "console/events", live);
const views = { streams: { show() {} }, connections: new Connections(live), deliveries: { show() {} }, try: trying, why: new Why() };

let known = "";
live.onChange(() => {
  const names = live.snapshot?.streams.map((s) => s.name) ?? [];
  if (names.join() === known) return;
  known = names.join();
  trying.choices(names);
  for (const id of ["find", "by-user"]) {
    const select = byId(id).elements.stream;
    select.replaceChildren(select.options[0], ...names.map((name) => el("option", { value: name }, name)));
  }
  const topics = [...new Set(live.snapshot.streams.map((s) => s.topic))];
  byId("topics").replaceChildren(...topics.map((topic) => el("option", { value: topic })));
  if (topics.length === 1) byId("by-record").elements.topic.value ||= topics[0];
});

const again = route(views, "sluice console");
beginToken(() => {
  live.now();
  again();
});
live.run();

// Which identity a stream takes. Nothing of the operator's goes there, who is no user.
try {
  const response = await fetch(at("console/discovery"), { credentials: "omit" });
  if (response.ok) {
    const { caller, auth } = await response.json();
    trying.takes(caller, auth);
  }
} catch {
  // The gateway is away, which the page says already.
}
