import assert from "node:assert/strict";
import { test } from "node:test";
import { answer } from "../worker/confirm.ts";

const placed = { orderId: "o-1", user: "alice", status: "placed", item: "Mooring rope", total: 21, type: "order.placed" };
const record = (value: unknown) => ({ value: JSON.stringify(value), timestamp: 1_000n });

test("an order is confirmed a while after it was placed", () => {
  assert.deepEqual(answer(record(placed), 1_500), { order: { ...placed, status: "confirmed", type: "order.confirmed" }, at: 2_500 });
});

test("a confirmation is not confirmed, nor is anything else", () => {
  assert.equal(answer(record({ ...placed, status: "confirmed" }), 0), undefined);
  assert.equal(answer(record({ hello: "world" }), 0), undefined);
  assert.equal(answer({ value: "not JSON", timestamp: 1n }, 0), undefined);
  assert.equal(answer({ value: undefined, timestamp: 1n }, 0), undefined);
});
