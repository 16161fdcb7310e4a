import assert from "node:assert/strict";
import { test } from "node:test";
import { Clock, Page, chance, recipes, shortVersion } from "./world/page.mjs";

const minute = 60_000;

assert.ok(shortVersion, "README shows a page that handles a reset");

/** The same test for each of the recipes that pages are told to use. */
function each(name, tell, only = Object.keys(recipes)) {
  for (const recipe of only) {
    test(`${recipe}: ${name}`, async () => {
      const clock = new Clock();
      await tell((options) => new Page(clock, recipes[recipe], options), clock, recipe);
    });
  }
}

const whole = ["follow.js"]; // what the short version doesn't claim

each("every id moves the cursor that the next stream begins at, and no stream is left to the browser", async (page, clock) => {
  const p = page({ cursor: "C" });
  for (const [type, id] of [["sluice.hello", "1"], ["order.confirmed", "2"], ["sluice.heartbeat", "3"], ["sluice.closing", "4"]]) {
    const source = p.last;
    source.say(type, { n: 1, heartbeat: 15_000 }, id);
    source.fail();
    assert.equal(source.readyState, 2, "the page has closed it");
    await clock.pass(10 * minute);
    assert.equal(p.last.cursor, id);
    assert.equal(p.last.url.searchParams.getAll("lastEventId").length, 1);
  }
  p.last.say("order.confirmed", { n: 2 }); // without an id of its own it is told the one before
  p.last.fail();
  await clock.pass(10 * minute);
  assert.equal(p.last.cursor, "4");
});

each("it comes back when the gateway said so", async (page, clock) => {
  for (const [type, ms, want] of [["sluice.closing", 2_345, 2_345], ["sluice.unavailable", 40_000, 40_000], ["sluice.unavailable", 1e15, 3_600_000]]) {
    const p = page();
    p.last.say(type, { reason: "draining", retry_ms: ms });
    p.last.fail();
    await clock.pass(want - 1);
    assert.equal(p.sources.length, 1, `${type} ${ms}: not before`);
    await clock.pass(1);
    assert.equal(p.sources.length, 2, `${type} ${ms}`);
    p.end();
  }
});

each("a time that makes no sense is as good as none", async (page, clock) => {
  for (const retry_ms of [0, -5, null, undefined, "soon"]) {
    const p = page();
    p.last.say("sluice.closing", { reason: "draining", retry_ms });
    p.last.fail();
    await clock.pass(999);
    assert.equal(p.sources.length, 1, `${retry_ms}`);
    await clock.pass(3_001);
    assert.equal(p.sources.length, 2, `${retry_ms}`);
    p.end();
  }
});

each("a named time counts once", async (page, clock) => {
  const p = page();
  p.last.say("sluice.unavailable", { retry_ms: 50 });
  p.last.fail();
  await clock.pass(50);
  p.last.fail();
  await clock.pass(999);
  assert.equal(p.sources.length, 2);
});

each("waits double from 1 to 4 s up to 15 to 60 s, and begin anew with a hello", async (page, clock) => {
  for (const refused of [false, true]) {
    const p = page({ connect: (source) => source.fail({ refused }), random: chance(7) });
    await clock.pass(10 * minute);
    const gaps = p.sources.slice(1).map((source, i) => source.at - p.sources[i].at);
    gaps.forEach((gap, i) => {
      const most = Math.min(4_000 * 2 ** i, minute);
      assert.ok(gap >= most / 4 && gap <= most, `wait ${i} is ${gap} ms, of ${most}`);
    });
    assert.ok(gaps.length >= 10 && gaps.length <= 40, `${gaps.length} tries in 10 minutes`);
    p.end();
  }
  const p = page();
  for (let i = 0; i < 6; i++) {
    p.last.hello();
    p.last.fail();
    await clock.pass(4_000);
    assert.equal(p.sources.length, i + 2);
  }
});

each("a gateway that answers every stream with a reset is asked seldom, and the page is never loaded", async (page, clock) => {
  const p = page({
    cursor: "old",
    random: chance(3),
    connect: (source) => {
      source.say("sluice.reset", { reason: "invalid" }, "R");
      source.hello();
    },
    state: (n) => ({ cursor: `stale ${n}`, events: [{ data: { n } }] }),
  });
  await clock.pass(60 * minute);
  const early = p.loads.filter((at) => at < minute).length;
  assert.ok(early <= 5, `${early} loads in the first minute`);
  assert.ok(p.loads.length >= 50 && p.loads.length <= 150, `${p.loads.length} loads in an hour`);
  for (let i = 8; i < p.loads.length; i++) assert.ok(p.loads[i] - p.loads[i - 1] >= 15_000);
  assert.equal(p.open <= 1, true);
});

each("nor is one that says hello first", async (page, clock) => {
  const p = page({ cursor: "old", connect: (source) => (source.hello(), source.say("sluice.reset", { reason: "lagged" }, "R")) });
  await clock.pass(10 * minute);
  assert.ok(p.loads.length <= 45, `${p.loads.length} loads in ten minutes`);
}, whole);

each("a gateway that says hello and then a reset, each time, is asked once in 1 to 4 s", async (page, clock) => {
  const p = page({ cursor: "old", connect: (source) => (source.hello(), source.say("sluice.reset", { reason: "lagged" }, "R")) });
  await clock.pass(10 * minute);
  for (let i = 1; i < p.loads.length; i++) assert.ok(p.loads[i] - p.loads[i - 1] >= 1_000);
});

each("after a reset the page shows the state, and follows from where it is true", async (page, clock) => {
  const p = page({ cursor: "C", state: () => ({ cursor: "S", events: [{ data: { n: 7 } }, { data: { n: 8 } }] }) });
  p.last.hello();
  p.last.say("order.confirmed", { n: 1 }, "1");
  const old = p.last;
  old.say("sluice.reset", { reason: "retention" }, "R");
  old.say("order.confirmed", { n: 2 }, "2"); // comes too late
  await clock.pass(4_000);
  assert.deepEqual(p.shown, [7, 8]);
  assert.equal(p.last.cursor, "S");
  p.last.hello();
  p.last.say("order.confirmed", { n: 9 }, "9");
  assert.deepEqual(p.shown, [7, 8, 9]);
  assert.equal(p.loads.length, 1);
});

each("a state that can't be had is asked for again, with the same waits", async (page, clock) => {
  const p = page({ cursor: "C", state: (n) => (n < 4 ? 503 : { cursor: "S", events: [] }), random: chance(5) });
  p.last.say("sluice.reset", { reason: "bounds" }, "R");
  await clock.pass(5 * minute);
  assert.equal(p.loads.length, 4);
  for (let i = 1; i < 4; i++) assert.ok(p.loads[i] - p.loads[i - 1] >= 1_000 * 2 ** (i - 1), `${p.loads}`);
  assert.equal(p.last.cursor, "S");
});

each("a page put aside has no stream, and opens one where it was when it is shown again", async (page, clock) => {
  const p = page({ connect: (source) => source.hello("H") });
  for (let i = 1; i <= 20; i++) {
    await clock.pass(100);
    p.last.say("order.confirmed", { n: i }, `${i}`);
    if (i % 2) p.last.fail(); // put aside while it waits
    p.happen("pagehide", { persisted: true });
    assert.equal(p.open, 0);
    const before = p.sources.length;
    await clock.pass(10 * minute);
    assert.equal(p.sources.length, before, "nothing is opened from there");
    p.happen("pageshow", { persisted: true });
    await clock.pass(10);
    assert.deepEqual([p.open, p.last.cursor], [1, `${i}`]);
  }
});

each("a page's first pageshow opens no second stream", async (page, clock) => {
  const p = page();
  p.happen("pageshow", { persisted: false });
  await clock.pass(minute);
  assert.equal(p.sources.length, 1);
});

// All lose their streams at the same moment. The figures are pages in each second from then on.
each("1,000 pages come back spread out, after a kill, a drain, a reset and a refusal", async (page, clock, recipe) => {
  const thousand = (connect) => Array.from({ length: 1_000 }, (_, i) => page({ cursor: "C", connect, random: chance(i + 1) }));
  const per = (what, times) => {
    const seconds = histogram(times);
    console.log(`${recipe}, ${what}: ${seconds.join(" ")}`);
    return seconds;
  };

  // Killed, and back after a minute.
  let up = true;
  let tries = [];
  const pages = thousand((source) => {
    tries.push(clock.now);
    if (up) source.hello(`${clock.now}`);
    else source.fail();
  });
  await clock.pass(1_000);
  [up, tries] = [false, []];
  const killed = clock.now;
  for (const p of pages) p.last.fail();
  await clock.pass(minute);
  up = true;
  await clock.pass(minute);
  const all = per("killed for a minute, tries", tries.map((at) => at - killed));
  assert.ok(Math.max(...all) < 400, "no second has 400 of 1,000");
  assert.ok(all[0] === 0 && all.slice(1, 4).every((n) => n > 250), "the first tries fill seconds 2 to 4 alike");
  const back = per("first streams after it", pages.map((p) => p.last.at - killed - minute));
  assert.ok(Math.max(...back) < 100, "no second has 100 of 1,000");
  assert.ok(pages.every((p) => p.open === 1 && p.last.readyState === 1));

  // Drained: the gateway draws a time for each.
  const draw = chance(99);
  const drained = clock.now;
  for (const p of pages) {
    p.last.say("sluice.closing", { reason: "draining", retry_ms: Math.floor(1_000 + 4_000 * draw()) });
    p.last.fail();
  }
  await clock.pass(minute);
  const drain = per("drained, streams", pages.map((p) => p.last.at - drained));
  assert.ok(drain.length === 5 && Math.max(...drain) < 300);

  // A topic made anew: a reset for everyone.
  const reset = clock.now;
  for (const p of pages) p.last.say("sluice.reset", { reason: "recreated" }, "R");
  await clock.pass(minute);
  const states = per("reset, states", pages.map((p) => p.loads[0] - reset));
  assert.ok(states.length === 4 && Math.max(...states.slice(1)) < 400 && states[0] === 0);
  assert.ok(pages.every((p) => p.loads.length === 1 && p.open === 1));

  // Refused for five minutes, a 401 or a proxy's 502: the wait counts all the same, for renewals too.
  const refusing = thousand((source) => source.fail({ refused: true }));
  const began = clock.now;
  await clock.pass(5 * minute);
  const refused = per("refused, tries", refusing.flatMap((p) => p.sources.slice(1).map((source) => source.at - began)));
  assert.ok(Math.max(...refused) < 400);
  assert.ok(Math.max(...refused.slice(60)) < 80, "once in 15 to 60 s, and at any moment");
  if (recipe !== "follow.js") return;
  assert.ok(refusing.every((p) => p.renewals.length === p.sources.length - 1));
});

each("a page that is looked at comes back within a second", async (page, clock) => {
  const p = page({ random: () => 0.99 });
  p.last.fail();
  for (const [state, want] of [["hidden", 1], ["visible", 2]]) {
    p.document.visibilityState = state;
    p.happen("visibilitychange");
    await clock.pass(1_000);
    assert.equal(p.sources.length, want, state);
  }
}, whole);

each("the network comes back: within a second, each page at a time of its own", async (page, clock) => {
  const pages = Array.from({ length: 1_000 }, (_, i) => page({ random: chance(i + 1) }));
  for (let round = 0; round < 5; round++) {
    for (const p of pages) p.last.fail();
    await clock.pass(4_000 * 2 ** round);
  }
  for (const p of pages) p.last.fail();
  await clock.pass(500);
  const online = clock.now;
  for (const p of pages) p.happen("online");
  for (const p of pages) p.happen("online"); // more than once, of several networks
  const before = pages.map((p) => p.sources.length);
  await clock.pass(1_000);
  assert.ok(pages.every((p, i) => p.sources.length === before[i] + 1));
  const tenths = histogram(pages.map((p) => 10 * (p.last.at - online)));
  assert.ok(tenths.length <= 11 && Math.max(...tenths) < 150, `${tenths}`);
}, whole);

each("the network doesn't shorten a wait that the gateway named, nor one after a reset", async (page, clock) => {
  const asked = page();
  asked.last.say("sluice.unavailable", { retry_ms: 30_000 });
  asked.last.fail();
  const reset = page({ cursor: "C", random: () => 0.99 });
  reset.last.say("sluice.reset", {}, "R");
  for (const p of [asked, reset]) p.happen("online");
  await clock.pass(3_900);
  assert.deepEqual([asked.sources.length, reset.loads.length], [1, 0]);
  await clock.pass(26_100);
  assert.deepEqual([asked.sources.length, reset.loads.length], [2, 1]);
}, whole);

each("without a stream to wait for, online opens none", async (page, clock) => {
  const p = page({ connect: (source) => source.hello() });
  await clock.pass(1_000);
  p.happen("online");
  await clock.pass(minute / 2);
  assert.equal(p.sources.length, 1);
}, whole);

each("ended, it does nothing more, whatever it was doing", async (page, clock) => {
  let answer;
  for (const doing of [
    () => page(),
    () => page({ connect: (source) => source.hello() }),
    (p = page()) => (p.last.fail(), p), // waits
    (p = page({ cursor: "C" })) => (p.last.say("sluice.reset", {}, "R"), p),
    () => page({ cursor: "", state: () => new Promise((resolve) => (answer = resolve)) }), // the state is on its way
    (p = page({ connect: (source) => source.fail({ refused: true }), renew: () => new Promise(() => {}) })) => p,
  ]) {
    const p = doing();
    await clock.pass(2_000);
    p.end();
    answer?.({ cursor: "S", events: [{ data: { n: 1 } }] });
    const [sources, loads] = [p.sources.length, p.loads.length];
    for (const type of ["online", "pagehide", "pageshow"]) p.happen(type, { persisted: true });
    await clock.pass(10 * minute);
    assert.deepEqual([p.open, p.sources.length, p.loads.length, p.shown.length], [0, sources, loads, 0]);
  }
  assert.equal(clock.waiting, 0, "no timer is left");
}, whole);

each("a page without a cursor begins with the state, and one that says from doesn't", async (page, clock) => {
  const p = page({ cursor: "", state: () => ({ cursor: "S", events: [{ data: { n: 1 } }] }) });
  await clock.pass(0);
  assert.deepEqual([p.loads.length, p.last.cursor, p.shown], [1, "S", [1]]);
  const plain = page({ cursor: "", showAll: undefined });
  assert.deepEqual([plain.loads.length, plain.last.cursor], [0, ""]);
}, whole);

each("a stream in which nothing is heard for three heartbeats is opened anew", async (page, clock) => {
  const p = page({ cursor: "C" });
  p.last.hello("1", 15_000);
  for (let i = 0; i < 5; i++) {
    await clock.pass(40_000);
    p.last.say("sluice.heartbeat", {}, "2");
  }
  assert.equal(p.sources.length, 1);
  await clock.pass(45_000 + 4_000);
  assert.deepEqual([p.sources.length, p.last.cursor], [2, "2"]);
}, whole);

each("a login is renewed when it is about to end, and before each try after a refusal", async (page, clock) => {
  const p = page({ cursor: "C", connect: (source, nth) => (nth > 1 && nth < 4 ? source.fail({ refused: true }) : source.hello()) });
  await clock.pass(0);
  p.last.say("sluice.closing", { reason: "expiring", ends_in_ms: 10_000, retry_ms: 1_500 });
  await clock.pass(0);
  assert.deepEqual([p.renewals.length, p.open], [1, 1], "the stream goes on");
  p.last.fail();
  await clock.pass(5 * minute);
  assert.deepEqual([p.sources.length, p.renewals.length, p.open], [4, 3, 1]);
}, whole);

each("a renewal that fails or never ends keeps nobody from trying", async (page, clock) => {
  for (const renew of [() => Promise.reject(new Error("no")), () => { throw new Error("no"); }, () => new Promise(() => {})]) {
    const p = page({ cursor: "C", renew, connect: (source) => source.fail({ refused: true }) });
    await clock.pass(20 * minute);
    assert.ok(p.sources.length >= (renew.toString().includes("new Promise") ? 1 : 10), `${renew}: ${p.sources.length}`);
    assert.equal(p.open, 0);
    p.end();
  }
}, whole);

each("a state that never comes is asked for again, and what comes of the first changes nothing", async (page, clock) => {
  const answers = [];
  const p = page({ cursor: "C", state: () => new Promise((resolve) => answers.push(resolve)) });
  p.last.say("sluice.reset", {}, "R");
  await clock.pass(2 * minute);
  assert.ok(answers.length >= 2);
  answers.at(-1)({ cursor: "new", events: [{ data: { n: 2 } }] });
  await clock.pass(0);
  answers[0]({ cursor: "old", events: [{ data: { n: 1 } }] });
  await clock.pass(0);
  assert.deepEqual([p.shown, p.last.cursor, p.open], [[2], "new", 1]);
}, whole);

function histogram(times) {
  const counts = [];
  for (const ms of times) counts[Math.floor(ms / 1_000)] = (counts[Math.floor(ms / 1_000)] ?? 0) + 1;
  return Array.from(counts, (n) => n ?? 0);
}
