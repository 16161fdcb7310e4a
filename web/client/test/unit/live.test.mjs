import assert from "node:assert/strict";
import { test } from "node:test";
import { connect } from "@sluice/client";
import { follow } from "../../dist/live.js";
import { event, hello, json, scripted, status, Stream } from "./world/script.mjs";

const url = "http://shop.example/events";
const start = { value: [], status: "connecting" };

test("a record that is not JSON costs that record only, and is told", () => {
  const bad = "id: c2\nevent: order\ndata: not JSON\n\n";
  return scripted([new Stream(hello(), event("c1", "order", 1), bad, event("c3", "order", 3))], async ({ pass }) => {
    const client = connect({ url });
    const errors = [];
    let live = start;
    const folding = { reduce: (value, e) => [...value, e.json()], onError: (error, e) => errors.push([error.name, e.data]) };
    follow(client, start, () => folding, (next) => (live = next));
    await pass();
    assert.deepEqual(live.value, [1, 3]);
    assert.equal(live.status, "live");
    assert.equal(live.error.name, "SyntaxError");
    assert.deepEqual(errors, [["SyntaxError", "not JSON"]]);
    client.close();
  });
});

test("a state that can't be taken leaves the value as it was, and one that can ends the error", () => {
  const state = (events) => json({ cursor: "c0", streams: [], since: null, complete: true, events });
  const reset = event("c1", "sluice.reset", { reason: "bounds", stream: "orders", partitions: [] });
  return scripted([state([{ text: "not JSON" }]), new Stream(hello(), reset), state([{ data: 5 }]), new Stream(hello())], async ({ pass }) => {
    const client = connect({ url });
    const errors = [];
    let live = { ...start, value: ["rendered"] };
    const restate = ({ events }) => events.map(({ data }) => data.toFixed());
    follow(client, live, () => ({ reduce: (v) => v, restate, onError: (error) => errors.push(error.name) }), (next) => (live = next));
    client.on("sluice.reset", () => assert.ok(live.error));
    await pass();
    await pass(3_000);
    assert.deepEqual(errors, ["TypeError"]);
    assert.deepEqual([live.value, live.error], [["5"], undefined]);
    client.close();
  });
});

for (const [answers, want] of [
  [[status(401), status(401)], "unauthorized"],
  [[status(403), status(403)], "forbidden"],
  [[new Error("refused"), new Error("refused")], "network"],
  [[status(503), status(503)], "network"],
  [[json({}), json({})], "blocked"],
]) {
  test(`the status says why: ${want}`, () =>
    scripted(answers, async ({ pass }) => {
      const client = connect({ url });
      const told = [];
      client.on("sluice.status", (e) => told.push([e.data, e.reason]));
      await pass();
      await pass(3_000);
      assert.deepEqual(told.at(-1), ["offline", want]);
      assert.equal(client.reason, want);
      client.close();
    }));
}

test("closing and stale are told by name, and not among the records", () => {
  const stream = new Stream(hello(), event("c1", "sluice.stale", { since: "t" }), event("c2", "sluice.closing", { reason: "draining", retry_ms: 5 }));
  return scripted([stream], async ({ pass }) => {
    const client = connect({ url });
    const told = [];
    client.on("sluice.stale", (e) => told.push(e.json().since));
    client.on("sluice.closing", (e) => told.push(e.json().reason));
    client.on("*", () => assert.fail("no record"));
    await pass();
    assert.deepEqual(told, ["t", "draining"]);
    client.close();
  });
});
