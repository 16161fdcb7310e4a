// A TanStack DB collection, of a gateway that answers as the test says.
import assert from "node:assert/strict";
import { test } from "node:test";
import { createCollection } from "@tanstack/db";
import { sluiceCollectionOptions } from "@sluice/client/db";
import { event, hello, json, scripted, status, Stream } from "./world/script.mjs";

const url = "http://shop.example/events?stream=orders";
const bySnapshot = "/events?stream=orders&snapshot=1";
const row = (id, n) => ({ id, n });
const snapshot = (...rows) => `event: sluice.snapshot\ndata: {"subjects":${rows.length}}\n\n` + rows.map((r) => `event: order\ndata: ${JSON.stringify(r)}\n\n`).join("");
const gone = (id, subject, key) => event(id, "delete", { subject, key });
const state = (cursor, ...events) => json({ cursor, streams: ["orders"], since: null, complete: true, events });
const reset = (id) => event(id, "sluice.reset", { reason: "bounds", stream: "orders", partitions: [] });

/** Runs a test with a collection that is in use, and says each batch of its changes. */
function collected(answers, options, run) {
  return scripted(answers, async (world) => {
    const { connect, ...more } = options;
    const errors = [];
    const settings = { connect: { url, ...connect }, getKey: ({ id }) => id, onError: (error) => errors.push(error.name), ...more };
    const collection = createCollection(sluiceCollectionOptions(settings));
    const batches = [];
    const changes = collection.subscribeChanges((list) => batches.push(list.map(({ type, key }) => `${type} ${key}`)));
    await world.pass();
    const rows = () => Object.fromEntries([...collection.entries()].map(([key, { n }]) => [key, n]).sort());
    await run({ ...world, collection, rows, batches, errors });
    changes.unsubscribe();
    await collection.cleanup();
    await world.pass(60_000);
    const before = world.requests.length;
    await world.pass(60_000);
    assert.equal(world.requests.length, before, "it goes on after cleanup");
  });
}

test("begins with the stream's snapshot, is ready when it is whole, and follows", () => {
  const stream = new Stream(snapshot(row("a", 1), row("b", 2)));
  return collected([stream], {}, async ({ collection, rows, pass, requests, batches }) => {
    assert.deepEqual([collection.status, rows()], ["loading", {}]);
    stream.write(hello("c1"));
    await pass();
    assert.deepEqual([collection.status, rows()], ["ready", { a: 1, b: 2 }]);
    batches.length = 0;
    stream.write(event("c2", "order", row("a", 3)) + event("c3", "order", row("c", 4)) + gone("c4", "b", "k") + gone("c5", null, "never"));
    await pass();
    assert.deepEqual(rows(), { a: 3, c: 4 });
    assert.deepEqual(batches, [["update a", "insert c", "delete b"]], "what came together is one change");
    assert.deepEqual(requests, [bySnapshot]);
  });
});

test("a snapshot that is cut off counts for nothing", () => {
  const cut = new Stream(snapshot(row("a", 1), row("b", 2)));
  return collected([cut, new Stream(snapshot(row("a", 5)) + hello("c1"))], {}, async ({ collection, rows, pass, requests }) => {
    cut.end();
    await pass(10_000);
    assert.deepEqual([collection.status, rows()], ["ready", { a: 5 }]);
    assert.deepEqual(requests, [bySnapshot, bySnapshot]);
  });
});

test("a stream that ends is resumed, and all rows stay", () => {
  const first = new Stream(snapshot(row("a", 1)) + hello("c1"));
  return collected([first, new Stream(hello("c1") + event("c2", "order", row("b", 2)))], {}, async ({ rows, pass, requests }) => {
    first.end();
    await pass(10_000);
    assert.deepEqual(rows(), { a: 1, b: 2 });
    assert.deepEqual(requests, [bySnapshot, bySnapshot + "&lastEventId=c1"]);
  });
});

test("a reset replaces all rows at once; those that follow wait", () => {
  const first = new Stream(snapshot(row("a", 1), row("b", 2)) + hello("c1"));
  const second = new Stream(snapshot(row("b", 3), row("c", 4)) + hello("d1"));
  return collected([first, second, new Stream(snapshot(row("z", 9)) + hello("e1"))], {}, async ({ rows, pass, requests, signals, collection }) => {
    const seen = [];
    const changes = collection.subscribeChanges(() => seen.push(rows()));
    first.write(reset("c2") + event("c3", "order", row("x", 1)));
    await pass();
    assert.ok(signals[0].aborted);
    assert.deepEqual(rows(), { b: 3, c: 4 });
    assert.deepEqual(seen, [{ b: 3, c: 4 }], "there is no moment without rows");
    assert.deepEqual(requests, [bySnapshot, bySnapshot]);
    second.write(reset("d2"));
    await pass(1_900);
    assert.equal(requests.length, 2);
    await pass(1_100);
    assert.deepEqual(rows(), { z: 9 });
    changes.unsubscribe();
  });
});

test("with a user, whose tabs share a connection, it begins with the state", () => {
  const states = [
    state("c1", { event: "order", data: row("a", 1) }, { event: "order", text: "no JSON" }, { data: row("b", 2) }),
    state("d1", { event: "order", data: row("b", 3) }),
  ];
  const stream = new Stream(hello("c1"));
  return collected([states[0], stream, states[1], new Stream(hello("d1"))], { connect: { user: "alice" } }, async ({ rows, pass, requests, errors }) => {
    assert.deepEqual([rows(), errors], [{ a: 1, b: 2 }, ["SyntaxError"]]);
    stream.write(reset("c2"));
    await pass();
    assert.deepEqual(rows(), { b: 3 });
    const events = "/events?stream=orders&lastEventId=";
    assert.deepEqual(requests, ["/state?stream=orders", events + "c1", "/state?stream=orders", events + "d1"]);
  });
});

test("where streams are blocked it begins with the state and polls", () => {
  const poll = (cursor, ...events) => json({ cursor, events });
  const first = [status(502), status(502), status(502)];
  const answers = [...first, state("c1"), poll("c1"), state("c1", { data: row("a", 1) })];
  return collected(answers, {}, async ({ world, requests, pass, rows }) => {
    for (let i = 0; i < 20 && !rows().a; i++) await pass(15_000);
    assert.deepEqual(rows(), { a: 1 });
    assert.deepEqual(requests.slice(3, 6), [
      "/state?stream=orders&snapshot=1",
      "/state?stream=orders&snapshot=1&cursor=c1&wait=0s",
      "/state?stream=orders",
    ]);
    assert.ok(world);
  });
});

test("a record that is no row, or that can't be read, changes nothing and is told", () => {
  const bad = "id: c2\nevent: order\ndata: not JSON\n\n";
  const stream = new Stream(snapshot(row("a", 1)) + hello("c1") + bad + event("c3", "note", { id: "n" }) + event("c4", "order", null) + event("c5", "order", row("b", 2)));
  const only = (e) => (e.type === "note" ? undefined : e.json());
  return collected([stream], { row: only }, async ({ rows, errors }) => {
    assert.deepEqual(rows(), { a: 1, b: 2 });
    assert.deepEqual(errors, ["SyntaxError", "TypeError"]);
  });
});

test("keys may be numbers, and what removes a row is the page's to say", () => {
  const stream = new Stream(snapshot({ id: 7, n: 1 }, { id: 8, n: 2 }) + hello("c1") + event("c2", "order.cancelled", { id: 7 }) + gone("c3", null, "8"));
  const removes = (e) => (e.type === "order.cancelled" ? e.json().id : e.type === "delete" ? Number(e.json().key) : undefined);
  return collected([stream], { removes }, async ({ collection, errors }) => assert.deepEqual([collection.size, errors], [0, []]));
});

test("the status is told with its reason", () => {
  const told = [];
  return collected([new Stream(snapshot() + hello("c1"))], { onStatus: (...said) => told.push(said) }, async ({ collection }) => {
    assert.deepEqual(told, [["live", undefined]]);
    assert.equal(collection.status, "ready");
  });
});

test("an optimistic row stays until the real one comes, and then they change places", () => {
  const stream = new Stream(snapshot() + hello("c1"));
  let answered;
  const onInsert = async ({ transaction, collection }) => {
    const [{ modified }] = transaction.mutations;
    const came = collection.utils.arrived(({ id }) => id === modified.id);
    await new Promise((resolve) => (answered = resolve)); // the request that writes
    await came;
  };
  return collected([stream], { onInsert }, async ({ collection, rows, pass }) => {
    const { isPersisted } = collection.insert(row("o", 0));
    stream.write(event("c2", "order", row("o", 1))); // sooner than the answer
    await pass();
    assert.deepEqual(rows(), { o: 0 });
    answered();
    await isPersisted.promise;
    await pass();
    assert.deepEqual(rows(), { o: 1 });
  });
});

test("a row that never comes is said, and the optimistic one goes", () => {
  const onInsert = ({ collection }) => collection.utils.arrived(() => false, 5_000);
  return collected([new Stream(snapshot(row("a", 1)) + hello("c1"))], { onInsert }, async ({ collection, rows, pass }) => {
    const failed = assert.rejects(collection.insert(row("o", 0)).isPersisted.promise, /no such row came/);
    await pass(5_000);
    await failed;
    assert.deepEqual(rows(), { a: 1 });
  });
});
