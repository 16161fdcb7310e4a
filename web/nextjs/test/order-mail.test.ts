import assert from "node:assert/strict";
import { mkdtemp, readdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { Notes } from "../lib/notes.ts";
import type { Order } from "../lib/order.ts";
import { mailOrder, type Office } from "../lib/order-mail.ts";
import { addressOf } from "../lib/users.ts";

const order: Order = { orderId: "o-1", user: "alice", status: "confirmed", item: "Mooring rope", total: 21, type: "order.confirmed" };

/** An office that says what it did, and fails where it is told to. */
async function open(dir?: string) {
  const did: string[] = [];
  const failing = new Set<string>();
  const act = (what: string) => {
    if (failing.has(what)) throw new Error(`${what} failed`);
    did.push(what);
  };
  const home = dir ?? (await mkdtemp(join(tmpdir(), "notes-")));
  const office: Office = {
    notes: new Notes(home),
    addressOf,
    send: async ({ orderId }, to) => act(`send ${orderId} to ${to}`),
    tell: async ({ orderId, type, mailed }) => act(`tell ${orderId} ${type} ${mailed}`),
  };
  return { office, did, failing, home };
}

const sent = "send o-1 to alice@customers.example";
const told = "tell o-1 order.mailed true";

test("a message that comes again is done, after a restart too", async () => {
  const { office, did, home } = await open();
  assert.equal(await mailOrder(office, "m-1", order), "sent");
  assert.equal(await mailOrder(office, "m-1", order), "repeat");
  assert.equal(await mailOrder((await open(home)).office, "m-1", order), "repeat");
  assert.deepEqual(did, [sent, told]);
});

test("an order that is confirmed twice is mailed once, and told twice", async () => {
  const { office, did } = await open();
  assert.equal(await mailOrder(office, "m-1", order), "sent");
  assert.equal(await mailOrder(office, "m-2", order), "known");
  assert.deepEqual(did, [sent, told, told]);
});

test("what fails is tried again, and what was done is not", async () => {
  const { office, did, failing } = await open();
  failing.add(sent).add(told);
  await assert.rejects(mailOrder(office, "m-1", order), /send .* failed/);
  failing.delete(sent);
  await assert.rejects(mailOrder(office, "m-1", order), /tell .* failed/);
  failing.delete(told);
  assert.equal(await mailOrder(office, "m-1", order), "known");
  assert.deepEqual(did, [sent, told]);
});

test("the same message many times at once is one mail", async () => {
  const { office, did } = await open();
  const all = await Promise.all(Array.from({ length: 20 }, (_, i) => mailOrder(office, `m-${i % 2}`, order)));
  assert.deepEqual(did, [sent, told, told]);
  assert.deepEqual(all.toSorted(), ["known", ...Array(18).fill("repeat"), "sent"]);
});

test("a guest has no address, and gets no mail", async () => {
  const { office, did } = await open();
  assert.equal(await mailOrder(office, "m-1", { ...order, user: "guest:g-1" }), "nobody");
  assert.equal(await mailOrder(office, "m-2", { ...order, user: "constructor" }), "nobody");
  assert.deepEqual(did, []);
});

test("a note has any text as its key, and is a file", async () => {
  const { home } = await open();
  const notes = new Notes(join(home, "deep"));
  for (const key of ["", "../../etc/passwd", "a\nb", "x".repeat(10_000)]) {
    assert.equal(await notes.has(key), false);
    await notes.add(key);
    await notes.add(key);
    assert.equal(await notes.has(key), true);
  }
  assert.equal((await readdir(join(home, "deep"))).length, 4);
});
