import assert from "node:assert/strict";
import { test } from "node:test";
import { apply, asOrder, type Order, type Orders, ordersOf, parseOrder } from "../lib/order.ts";

const order = (orderId: string, status: Order["status"] = "placed"): Order => ({
  orderId,
  user: "alice",
  status,
  item: "Enamel kettle",
  total: 38,
  type: `order.${status}`,
});

const ids = ({ list }: Orders) => list.map(({ orderId }) => orderId);

test("what is no order is none, whoever wrote it", () => {
  for (const text of [
    "",
    "null",
    "[]",
    "7",
    '"o-1"',
    "{}",
    '{"orderId":1}',
    JSON.stringify({ ...order("o-1"), status: "gone" }),
    JSON.stringify({ ...order("o-1"), total: "38" }),
  ]) {
    assert.equal(parseOrder(text), undefined, text);
  }
  assert.deepEqual(parseOrder(JSON.stringify(order("o-1"))), order("o-1"));
  assert.equal(asOrder(undefined), undefined);
});

test("a state is shown with the newest first, and nothing has come live", () => {
  const orders = ordersOf([
    { time: "2026-01-01T00:00:01.000Z", data: order("o-1") },
    { time: "2026-01-01T00:00:03.000Z", data: order("o-3", "confirmed") },
    { time: "2026-01-01T00:00:02.000Z", data: "no order" },
    { time: "2026-01-01T00:00:02.000Z", data: order("o-2") },
  ]);
  assert.deepEqual(ids(orders), ["o-3", "o-2", "o-1"]);
  assert.equal(orders.applied, 0);
  assert.ok(orders.list.every(({ events }) => events === 0));
});

test("an event changes one order, and counts", () => {
  const before = ordersOf([{ time: "2026-01-01T00:00:01.000Z", data: order("o-1") }]);
  let after = apply(before, order("o-2"));
  after = apply(after, order("o-1", "confirmed"));
  after = apply(after, order("o-2", "confirmed"));
  after = apply(after, { nonsense: true });
  assert.deepEqual(ids(after), ["o-2", "o-1"]);
  assert.deepEqual(
    after.list.map(({ status, events }) => [status, events]),
    [
      ["confirmed", 2],
      ["confirmed", 1],
    ],
  );
  assert.equal(after.applied, 3);
  assert.deepEqual(
    before.list.map(({ status }) => status),
    ["placed"],
    "the old value was changed",
  );
});
