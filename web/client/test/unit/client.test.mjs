import assert from "node:assert/strict";
import { test } from "node:test";
import { inspect } from "node:util";
import { connect } from "@sluice/client";
import { event, hello, json, never, scripted, status, Stream } from "./world/script.mjs";
import { chance, World } from "./world/world.mjs";

const url = "http://shop.example/events";

/** What a client tells, as [type, data]. */
function listen(client, ...types) {
  const told = [];
  for (const type of types) client.on(type, (e) => told.push([e.type, e.data]));
  return told;
}

test("outside a page a URL is absolute, and the error says so", () => {
  for (const options of [{ url: "/events" }, {}, { url, state: "/state" }]) {
    assert.throws(() => connect(options), (error) => error instanceof TypeError && inspect(error).includes("url must be absolute"));
  }
});

test("says how the stream is", () => {
  const stream = new Stream(hello());
  return scripted([stream, new Error("refused"), new Error("refused")], async ({ pass }) => {
    const client = connect({ url });
    const told = listen(client, "sluice.status");
    assert.equal(client.status, "connecting");
    await pass();
    stream.write(event("c1", "sluice.stale", {}), event("c1", "sluice.fresh", {}));
    await pass();
    stream.end();
    await pass();
    await pass(2_000);
    await pass(3_000);
    assert.deepEqual(told.map(([, s]) => s), ["live", "stale", "live", "connecting", "offline"]);
    client.close();
  });
});

test("warns once of streams that are deprecated", (t) => {
  const warned = [];
  t.mock.method(console, "warn", (...words) => warned.push(words));
  const deprecated = { orders: { since: "2026-11-01", sunset: "2027-05-01", successor: "orders-v2" } };
  const old = () => event("c0", "sluice.hello", { resume: "live", heartbeat: 15_000, streams: ["orders"], deprecated });
  const streams = [new Stream(old()), new Stream(old()), new Stream(hello())];
  return scripted(streams, async ({ pass }) => {
    const client = connect({ url });
    for (const stream of streams) {
      await pass(4_000);
      assert.equal(client.status, "live");
      stream.end();
    }
    assert.deepEqual(warned, [["sluice: deprecated", deprecated]]);
    client.close();
  });
});

test("tells events by name and all of them by *, and the gateway's own not among those", () => {
  const stream = new Stream(hello(), event("c1", "a", 1), event("c2", "b", 2), "data: plain\n\n", event("c3", "sluice.heartbeat", {}));
  return scripted([stream], async ({ pass }) => {
    const client = connect({ url });
    const all = listen(client, "*");
    const some = listen(client, "a", "message");
    const off = client.on("b", () => assert.fail("it was taken off"));
    off();
    await pass();
    assert.deepEqual(all, [["a", "1"], ["b", "2"], ["message", "plain"]]);
    assert.deepEqual(some, [["a", "1"], ["message", "plain"]]);
    assert.equal(client.cursor, "c3");
    client.close();
  });
});

test("a listener that throws costs nobody an event", (t) => {
  const thrown = [];
  const microtask = globalThis.queueMicrotask;
  t.mock.method(globalThis, "queueMicrotask", (run) => microtask(() => {
    try {
      run();
    } catch (error) {
      thrown.push(error.message);
    }
  }));
  return scripted([new Stream(hello(), event("c1", "a", 1), event("c2", "a", 2))], async ({ pass }) => {
    const client = connect({ url });
    client.on("a", () => {
      throw new Error("page");
    });
    const told = listen(client, "a");
    await pass();
    assert.deepEqual(told, [["a", "1"], ["a", "2"]]);
    assert.deepEqual(thrown, ["page", "page"]);
    client.close();
  });
});

test("comes back where it was, when the gateway said", () => {
  const stream = new Stream("retry: 700\n", hello("c0"), event("c1", "a", 1));
  return scripted([stream], async ({ pass, requests }) => {
    const client = connect({ url: url + "?stream=orders&from=last:5" });
    await pass();
    stream.end();
    await pass(699);
    assert.deepEqual(requests, ["/events?stream=orders&from=last%3A5"]);
    await pass(1);
    assert.deepEqual(requests.slice(1), ["/events?stream=orders&lastEventId=c1"]);
    client.close();
  });
});

test("begins at a cursor, of the options or of the URL", async () => {
  for (const options of [{ url, cursor: "c7" }, { url: url + "?lastEventId=c7" }]) {
    await scripted([], async ({ pass, requests }) => {
      const client = connect(options);
      assert.equal(client.cursor, "c7");
      await pass();
      assert.deepEqual(requests, ["/events?lastEventId=c7"]);
      client.close();
    });
  }
});

test("a stream held up before its hello: polls, loses nothing, and tries streams again later", () => {
  const held = new Stream();
  const poll = { cursor: "c2", events: [{ id: "c1", event: "a", data: { n: 1 } }, { id: "c2", data: "text" }, { id: "c2", text: "text" }] };
  return scripted([held, json({ cursor: "c0" }), json(poll), never(), new Stream(hello("c2"))], async ({ pass, requests, signals }) => {
    const client = connect({ url });
    const told = listen(client, "a", "message");
    await pass(8_000);
    assert.equal(signals[0].aborted, true);
    assert.equal(client.status, "live");
    assert.deepEqual(told, [["a", '{"n":1}'], ["message", '"text"'], ["message", "text"]]);
    await pass(60_000);
    client.close();
    assert.deepEqual(requests, ["/events", "/state", "/state?cursor=c0&wait=0s", "/state?cursor=c2&wait=25s"]);
  });
});

test("where polling was the way, a stream is tried again after a minute", () => {
  const answers = [];
  const polls = [1, 2, 3, 4].map(() => new Promise((resolve) => answers.push(() => resolve(json({ cursor: "c1", events: [] })))));
  return scripted([new Stream(), ...polls, new Stream(hello("c1"))], async ({ pass, requests }) => {
    const client = connect({ url, cursor: "c0" });
    await pass(8_000);
    answers[0](); // at once: it shows that polls pass
    for (const answer of answers.slice(1)) {
      await pass(25_000);
      answer();
      await pass();
    }
    assert.deepEqual(requests.map((r) => r.split("?")[0]), ["/events", "/state", "/state", "/state", "/state", "/events"]);
    assert.equal(client.status, "live");
    client.close();
  });
});

test("a stream gone silent is opened again; twice so without a heartbeat, it polls", () => {
  const streams = [new Stream(hello("c0", 1_000)), new Stream(hello("c1", 1_000)), new Stream(hello("c1", 1_000))];
  return scripted([...streams], async ({ pass, requests }) => {
    const client = connect({ url });
    await pass();
    streams[0].write(event("c1", "sluice.heartbeat", {}));
    await pass(3_499); // one and a half times the heartbeat, and two seconds
    assert.equal(requests.length, 1);
    await pass(1);
    assert.deepEqual(requests.slice(1), ["/events?lastEventId=c1"]);
    streams[1].write(event("c1", "sluice.heartbeat", {}));
    await pass(3_500);
    await pass(3_500);
    assert.deepEqual(requests.slice(2), ["/events?lastEventId=c1", "/state?cursor=c1&wait=0s"]);
    client.close();
  });
});

test("after a reset: closes, gets the state, opens where the state is true", () => {
  const reset = { reason: "retention", stream: "orders", partitions: [] };
  const stream = new Stream(event("r1", "sluice.reset", reset) + hello("r1") + event("r2", "a", "overlap"));
  return scripted([stream, json({ cursor: "s1", orders: [1] }), new Stream(hello("s1"), event("s2", "a", 2))], async ({ pass, requests, signals }) => {
    const client = connect({ url, cursor: "old" });
    const told = listen(client, "sluice.reset", "sluice.state", "a");
    await pass();
    assert.deepEqual(requests, ["/events?lastEventId=old", "/state", "/events?lastEventId=s1"]);
    assert.equal(signals[0].aborted, true);
    assert.deepEqual(told, [["sluice.reset", JSON.stringify(reset)], ["sluice.state", '{"cursor":"s1","orders":[1]}'], ["a", "2"]]);
    client.close();
  });
});

test("a reset told by a poll is no different", () => {
  const poll = { cursor: "r2", events: [{ id: "r1", event: "sluice.reset", data: { reason: "bounds" } }, { id: "r2", event: "a", data: 1 }] };
  return scripted([new Stream(), json(poll), json({ cursor: "s1" })], async ({ pass, requests }) => {
    const client = connect({ url, cursor: "old" });
    const told = listen(client, "sluice.reset", "sluice.state", "a");
    await pass(8_000);
    assert.deepEqual(told.map(([type]) => type), ["sluice.reset", "sluice.state"]);
    assert.equal(requests[3], "/state?cursor=s1&wait=25s");
    client.close();
  });
});

for (const tabs of [1, 2]) {
  test(`a gateway that answers everything with a reset is asked ever more seldom, by ${tabs} tab(s) that share`, async () => {
    const world = new World(chance(1));
    const states = []; // when each was asked for
    const lost = { id: "r", event: "sluice.reset", data: { reason: "invalid" } };
    world.gateways.fetch = async (url, signal) => {
      if (url.pathname === "/events") {
        const stream = new Stream(event(lost.id, lost.event, lost.data) + hello("r"));
        signal.addEventListener("abort", () => stream.controller.error(signal.reason));
        return stream.response;
      }
      if (url.searchParams.has("cursor")) return json({ cursor: "r", events: [lost] });
      states.push(world.now);
      return json({ cursor: `s${states.length}` });
    };
    const uninstall = world.install();
    try {
      const clients = Array.from({ length: tabs }, (_, i) =>
        world.within(i, () => {
          const client = connect({ url, user: "alice", cursor: "old" });
          client.on("sluice.state", () => {});
          return client;
        }));
      const minutes = 10;
      for (let s = 0; s < 60 * minutes; s++) {
        await world.quiet(); // throws where it never comes to rest
        world.advance(1_000);
      }
      assert.ok(states.length >= minutes && states.length <= tabs * (4 * minutes), `${states.length} states in ${minutes} minutes`);
      const late = states.filter((at) => at > 2 * 60_000);
      assert.ok(late.length <= tabs * (2 * (minutes - 2) + 1), `${late.length} in the last ${minutes - 2}: once in 30 to 45 s`);
      for (const client of clients) client.close();
      await world.quiet();
    } finally {
      uninstall();
    }
  });
}

test("a page without a state is told of the reset and goes on", () => {
  const stream = new Stream(event("r1", "sluice.reset", { reason: "retention" }) + hello("r1") + event("r2", "a", 1));
  return scripted([stream], async ({ pass, requests }) => {
    const client = connect({ url, cursor: "old" });
    const told = listen(client, "sluice.reset", "a");
    await pass();
    assert.deepEqual(told.map(([type]) => type), ["sluice.reset", "a"]);
    assert.equal(client.cursor, "r2");
    assert.equal(requests.length, 1);
    client.close();
  });
});

test("who listens to the state and has no cursor begins with it", () =>
  scripted([json({ cursor: "s0" }), new Stream(hello("s0"))], async ({ pass, requests }) => {
    const client = connect({ url, state: "http://shop.example/api/state?x=1" });
    const told = listen(client, "sluice.state");
    await pass();
    assert.deepEqual(told, [["sluice.state", '{"cursor":"s0"}']]);
    assert.deepEqual(requests, ["/api/state?x=1", "/events?lastEventId=s0"]);
    client.close();
  }));

test("a refused identity is renewed once, and asked about again with patience", () => {
  let renewals = 0;
  const answers = [status(401), status(401), status(401), new Stream(hello())];
  return scripted(answers, async ({ pass, requests }) => {
    const client = connect({ url, renew: () => renewals++ });
    await pass();
    assert.deepEqual([requests.length, renewals], [2, 1]);
    await pass(3_000);
    assert.deepEqual([requests.length, renewals], [3, 1]);
    await pass(6_000);
    assert.equal(client.status, "live");
    client.close();
  });
});

test("an identity about to end is renewed, and the stream opened with it", () => {
  const stream = new Stream(hello(), event("c1", "a", 1));
  let renewed;
  return scripted([stream, new Stream(hello("c1"))], async ({ pass, requests }) => {
    const client = connect({ url, renew: () => new Promise((done) => (renewed = done)) });
    await pass();
    stream.write(event("c1", "sluice.closing", { reason: "draining", retry_ms: 1 }));
    await pass();
    assert.equal(renewed, undefined, "that is no reason");
    stream.write(event("c1", "sluice.closing", { reason: "expiring", ends_in_ms: 10_000, retry_ms: 1 }));
    await pass();
    assert.equal(requests.length, 1, "the old one is good until then");
    renewed();
    await pass();
    assert.deepEqual(requests.slice(1), ["/events?lastEventId=c1"]);
    client.close();
  });
});

test("waits as long as Retry-After says, and takes no other page for a stream", () => {
  const login = new Response("<html>", { headers: { "Content-Type": "text/html" } });
  return scripted([status(503, { "Retry-After": "20" }), login, new Stream(hello())], async ({ pass, requests }) => {
    const client = connect({ url });
    await pass(19_999);
    assert.equal(requests.length, 1);
    await pass(1);
    assert.equal(requests.length, 2);
    assert.equal(client.status, "offline");
    await pass(6_000);
    assert.equal(client.status, "live");
    client.close();
  });
});

test("not now, says a gateway: comes when asked to, and then less and less often", () => {
  const not = () => new Stream("retry: 1000\n\n" + event("", "sluice.unavailable", { reason: "warming", retry_ms: 1000 }));
  const streams = Array.from({ length: 9 }, not);
  for (const stream of streams) stream.end();
  return scripted(streams, async ({ pass, requests, world }) => {
    const client = connect({ url, cursor: "c" });
    const at = [];
    for (let s = 0; s < 200; s++) {
      await pass(1_000);
      while (at.length < requests.length) at.push(world.now);
    }
    const waits = at.slice(1).map((t, i) => t - at[i]);
    assert.ok(waits[0] >= 1_000 && waits[0] <= 2_000, `first ${waits}`);
    assert.ok(waits[1] >= 2_000 && waits[1] <= 4_000, `then ${waits}`);
    assert.ok(Math.max(...waits) <= 46_000, `at most ${waits}`);
    client.close();
  });
});

test("stays away for as long as the gateway of an evicted stream says", () => {
  const evicted = new Stream(hello(), "retry: 60000\n" + event("c1~.n", "sluice.closing", { reason: "evicted", retry_ms: 60_000 }));
  const refused = new Stream("retry: 540000\n" + event("", "sluice.unavailable", { reason: "per_user", retry_ms: 540_000 }));
  for (const stream of [evicted, refused]) stream.end();
  return scripted([evicted, refused, new Stream(hello())], async ({ pass, requests }) => {
    const client = connect({ url });
    await pass(59_000);
    assert.equal(requests.length, 1);
    await pass(2_000);
    assert.equal(requests.length, 2);
    await pass(538_000);
    assert.equal(requests.length, 2);
    await pass(3_000);
    assert.equal(requests.length, 3);
    assert.equal(client.status, "live");
    client.close();
  });
});

test("where streams fail time and again, a poll is tried", () => {
  const fails = () => new TypeError("network error");
  const poll = json({ cursor: "c1", events: [{ id: "c1", event: "a", data: 1 }] });
  return scripted([fails(), fails(), fails(), poll], async ({ pass, requests }) => {
    const client = connect({ url, cursor: "c0" });
    for (let i = 0; i < 3; i++) await pass(12_000);
    assert.deepEqual(requests.slice(2), ["/events?lastEventId=c0", "/state?cursor=c0&wait=0s", "/state?cursor=c1&wait=25s"]);
    assert.equal(client.status, "live");
    client.close();
  });
});

test("a gateway that lets nobody wait is not asked at once again", () => {
  const stale = { cursor: "c0", events: [], stale: "2026-01-31T12:00:00Z" };
  const answers = [json(stale), json(stale), json({ cursor: "c0", events: [{ id: "c0", event: "sluice.unavailable", data: {} }] })];
  return scripted([new Stream(), ...answers], async ({ pass, requests }) => {
    const client = connect({ url, cursor: "c0" });
    const told = listen(client, "*");
    await pass(8_000);
    assert.deepEqual([requests.length, client.status], [3, "stale"]);
    await pass(2_000);
    assert.deepEqual([requests.length, client.status], [4, "connecting"]);
    await pass(1_999);
    assert.equal(requests.length, 4);
    await pass(1_001);
    assert.equal(requests[4], "/events?lastEventId=c0");
    assert.deepEqual(told, []);
    client.close();
  });
});

test("tries at once when the network is back or the page is looked at", () => {
  const stream = new Stream(hello("c1"));
  return scripted([new Error("no"), new Error("no"), stream, new Stream(hello("c1"))], async ({ pass, requests, window, document }) => {
    const client = connect({ url });
    await pass();
    document.dispatchEvent(new Event("visibilitychange"));
    await pass();
    assert.equal(requests.length, 2);
    window.dispatchEvent(new Event("online"));
    await pass();
    assert.equal(client.status, "live");
    document.dispatchEvent(new Event("visibilitychange"));
    await pass();
    assert.equal(requests.length, 3, "a stream that lives is left alone");
    window.dispatchEvent(new Event("online"));
    await pass();
    assert.equal(requests.length, 4, "but not one of another network");
    client.close();
  });
});

test("a page put aside has no connection; taken up again, it goes on", () =>
  scripted([new Stream(hello("c1")), new Stream(hello("c1")), new Stream(hello("c1"))], async ({ pass, requests, signals, window, document }) => {
    const client = connect({ url });
    await pass();
    window.dispatchEvent(new Event("pagehide"));
    await pass(100_000);
    assert.deepEqual([requests.length, signals[0].aborted], [1, true]);
    window.dispatchEvent(Object.assign(new Event("pageshow"), { persisted: true }));
    await pass();
    assert.deepEqual(requests.slice(1), ["/events?lastEventId=c1"]);
    document.dispatchEvent(new Event("freeze"));
    await pass();
    assert.equal(signals[1].aborted, true);
    document.dispatchEvent(new Event("resume"));
    await pass();
    assert.equal(requests.length, 3);
    client.close();
    await pass(100_000);
    window.dispatchEvent(new Event("online"));
    window.dispatchEvent(Object.assign(new Event("pageshow"), { persisted: true }));
    await pass(100_000);
    assert.deepEqual([requests.length, signals[2].aborted], [3, true], "closed is closed");
  }));

test("goes on where the user's last page left off, and forgets it when told to", async () => {
  const store = new Map();
  globalThis.localStorage = {
    getItem: (key) => store.get(key) ?? null, setItem: (key, value) => store.set(key, value), removeItem: (key) => store.delete(key),
  };
  const visit = async (options, want, close) =>
    scripted([new Stream(hello("c1"), event("c2", "a", 1))], async ({ pass, requests }) => {
      const client = connect({ url, resume: true, ...options });
      await pass();
      assert.deepEqual(requests, [want]);
      client.close(close);
    });
  await visit({ user: "alice" }, "/events");
  await visit({ user: "alice" }, "/events?lastEventId=c2");
  await visit({ user: "bob" }, "/events");
  await visit({}, "/events"); // nobody's: nothing is kept
  await visit({ user: "alice", cursor: "c9" }, "/events?lastEventId=c9", { forget: true });
  await visit({ user: "alice" }, "/events");
  delete globalThis.localStorage;
});

test("asks for its headers each time", async () => {
  let token = 0;
  const seen = [];
  await scripted([new Error("no")], async ({ pass }) => {
    const fetch = globalThis.fetch;
    globalThis.fetch = (url, init) => (seen.push([init.headers.get("Authorization"), init.headers.get("Accept"), init.credentials]), fetch(url, init));
    const client = connect({ url, credentials: "include", headers: async () => ({ Authorization: `Bearer ${++token}` }) });
    await pass();
    await pass(3_000);
    client.close();
  });
  assert.deepEqual(seen, [["Bearer 1", "text/event-stream", "include"], ["Bearer 2", "text/event-stream", "include"]]);
});

test("closed before it began, it doesn't begin", () =>
  scripted([], async ({ pass, requests }) => {
    connect({ url }).close();
    await pass();
    assert.deepEqual(requests, []);
  }));
