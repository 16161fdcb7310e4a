import assert from "node:assert/strict";
import { test } from "node:test";
import { connect } from "@sluice/client";
import "../../dist/socket.js"; // the client imports it once it is asked for

/** A WebSocket whose other end is the test. */
class Socket {
  static all = [];

  constructor(url, protocols) {
    Object.assign(this, { url: String(url), protocols, closed: false });
    Socket.all.push(this);
  }

  open() {
    this.onopen?.();
  }

  say(message) {
    this.onmessage?.({ data: JSON.stringify(message) });
  }

  end(code) {
    this.onclose?.({ code });
  }

  close() {
    this.closed = true;
  }
}

const hello = (id) => ({ id, event: "sluice.hello", data: { resume: "live", heartbeat: 9000, streams: ["orders"] } });
const settle = async () => {
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve)); // the code of WebSockets is imported
};

/** Runs a test with its own WebSocket and clock. */
async function world(t, run) {
  const before = globalThis.WebSocket;
  globalThis.WebSocket = Socket;
  Socket.all = [];
  t.mock.timers.enable({ apis: ["setTimeout", "Date"] });
  const pass = async (ms) => {
    t.mock.timers.tick(ms);
    await settle();
  };
  try {
    await run(pass);
  } finally {
    globalThis.WebSocket = before;
  }
}

const options = { url: "https://shop.example/events?stream=orders", transport: "websocket" };

test("reads a WebSocket, and comes back at its newest id", (t) =>
  world(t, async (pass) => {
    const client = connect({ ...options, cursor: "c0", headers: () => ({ Authorization: "Bearer abc.d-e_f" }) });
    const told = [];
    client.on("*", (e) => told.push([e.type, e.data, e.id]));
    await settle();
    const [first] = Socket.all;
    assert.equal(first.url, "wss://shop.example/ws?stream=orders&lastEventId=c0");
    assert.deepEqual(first.protocols, ["sluice.v1", "sluice.bearer.abc.d-e_f"]);
    first.open();
    first.say(hello("c0"));
    assert.equal(client.status, "live");
    first.say({ id: "c1", stream: "orders", event: "order.paid", data: { n: 1 } });
    first.say({ id: "c2", stream: "orders", text: "no JSON" });
    first.say({ id: "c2", event: "sluice.closing", data: { reason: "draining", retry_ms: 1234 } });
    first.end(1012);
    await settle();
    assert.deepEqual(told, [["order.paid", '{"n":1}', "c1"], ["message", "no JSON", "c2"]]);
    await pass(1233);
    assert.equal(Socket.all.length, 1, "it stays away for as long as the gateway asks");
    await pass(1);
    assert.equal(Socket.all[1].url, "wss://shop.example/ws?stream=orders&lastEventId=c2");
    client.close();
    assert.ok(Socket.all[1].closed);
  }));

test("has the login renewed when a WebSocket is closed for want of it", (t) =>
  world(t, async (pass) => {
    let renewed = 0;
    const client = connect({ ...options, renew: () => void renewed++ });
    await settle();
    Socket.all[0].open();
    Socket.all[0].say({ event: "sluice.unavailable", data: { reason: "identity-missing", retry_ms: 1000 } });
    Socket.all[0].end(4401);
    await settle();
    assert.equal(renewed, 1);
    await pass(0);
    assert.equal(Socket.all.length, 2);
    client.close();
  }));

test("a token that is no subprotocol is in base64url", (t) =>
  world(t, async () => {
    const client = connect({ ...options, headers: () => ({ Authorization: "bearer a+/=é" }) });
    await settle();
    assert.deepEqual(Socket.all[0].protocols, ["sluice.v1", "sluice.bearer64." + Buffer.from("a+/=é").toString("base64url")]);
    client.close();
  }));

test("a handshake that fails is tried again, later and later", (t) =>
  world(t, async (pass) => {
    const client = connect(options);
    await settle();
    Socket.all[0].end(1006);
    await settle();
    assert.equal(client.status, "connecting");
    await pass(3_000);
    assert.equal(Socket.all.length, 2);
    client.close();
  }));
