// The React hook: on the server, and in a page in which React runs but shows nothing.
import assert from "node:assert/strict";
import { test } from "node:test";
import { act, createElement, Fragment, StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { renderToString } from "react-dom/server";
import { useSluice } from "@sluice/client/react";
import { event, hello, scripted, status, Stream } from "./world/script.mjs";

const url = "http://shop.example/events";
const reduce = (list, e) => [...list, e.json()];

/** Renders a component that uses the hook. live is what the hook has returned last, seen all that it has since it was given other options. */
async function rendered(run, { strict } = {}) {
  globalThis.IS_REACT_ACT_ENVIRONMENT = true;
  window.HTMLIFrameElement = class {}; // React looks whether one has the focus
  const container = Object.assign(new EventTarget(), { nodeType: 1, tagName: "MAIN", nodeName: "MAIN", ownerDocument: new EventTarget() });
  const root = createRoot(container);
  const hook = { seen: [] };
  function Orders({ options }) {
    hook.live = useSluice(options);
    hook.seen.push(hook.live);
    return null;
  }
  const element = (options) => createElement(strict ? StrictMode : Fragment, null, createElement(Orders, { options }));
  hook.render = (options) => act(async () => {
    hook.seen = [];
    root.render(element({ url, initial: [], reduce, ...options }));
  });
  hook.end = () => act(async () => root.unmount());
  try {
    await run(hook);
  } finally {
    await hook.end();
    delete globalThis.IS_REACT_ACT_ENVIRONMENT;
  }
}

test("on the server it shows what the server knew, and opens nothing", (t) => {
  const fetch = t.mock.method(globalThis, "fetch");
  function Orders({ enabled }) {
    const { value, status, cursor } = useSluice({ url: "/events", enabled, initial: ["o-1"], cursor: "c", reduce: (orders) => orders });
    return createElement("p", null, `${status} at ${cursor}: ${value}`);
  }
  assert.equal(renderToString(createElement(Orders)), "<p>connecting at c: o-1</p>");
  assert.equal(renderToString(createElement(Orders, { enabled: false })), "<p>disabled at c: o-1</p>");
  assert.equal(fetch.mock.callCount(), 0);
});

test("the cursor goes with the value, the error with the event that it came from", () => {
  const stream = new Stream(hello("c1"), event("c2", "order", 1), "id: c3\nevent: order\ndata: not JSON\n\n");
  return scripted([stream], ({ pass }) =>
    rendered(async (hook) => {
      const told = [];
      await hook.render({ cursor: "c0", onError: (error, e) => told.push([error.name, e.id]) });
      assert.deepEqual(hook.seen[0], { value: [], cursor: "c0", status: "connecting" });
      await act(() => pass());
      assert.deepEqual([hook.live.value, hook.live.cursor, hook.live.status, hook.live.error.name], [[1], "c3", "live", "SyntaxError"]);
      assert.deepEqual(told, [["SyntaxError", "c3"]]);
    }));
});

for (const strict of [false, true]) {
  const mode = strict ? "in Strict Mode" : "in production's mode";

  test(`disabled it opens nothing and keeps its value, enabled again it goes on from there, ${mode}`, () => {
    const streams = [new Stream(hello("c1"), event("c2", "order", 1)), new Stream(hello("c2"), event("c3", "order", 2))];
    return scripted(streams, ({ requests, signals, pass }) =>
      rendered(async (hook) => {
        await hook.render({ enabled: false, cursor: "old", initial: ["old"] });
        assert.deepEqual(hook.live, { value: ["old"], cursor: "old", status: "disabled", reason: undefined });
        await hook.render({ enabled: false, cursor: "c0", initial: [0] });
        assert.deepEqual([hook.live.value, hook.live.cursor], [[0], "c0"], "what has not begun is what the page knows now");
        await act(() => pass());
        assert.deepEqual(requests, []);

        await hook.render({ enabled: true, cursor: "c0", initial: [0] });
        assert.equal(hook.seen[0].status, "connecting");
        await act(() => pass());
        assert.deepEqual(requests, ["/events?lastEventId=c0"]);
        assert.deepEqual(hook.live, { ...hook.live, value: [0, 1], cursor: "c2", status: "live" });

        await hook.render({ enabled: false, cursor: "c9", initial: [9] });
        assert.deepEqual(hook.live, { ...hook.live, value: [0, 1], cursor: "c2", status: "disabled" });
        await act(() => pass(60_000));
        assert.deepEqual(signals.map((signal) => signal.aborted), [true]);
        assert.equal(requests.length, 1);

        await hook.render({ enabled: true, cursor: "c9", initial: [9] });
        await act(() => pass());
        assert.deepEqual(requests, ["/events?lastEventId=c0", "/events?lastEventId=c2"]);
        assert.deepEqual([hook.seen[0].status, hook.seen[0].value], ["connecting", [0, 1]], "it was live, and isn't");
        assert.deepEqual(hook.live, { ...hook.live, value: [0, 1, 2], cursor: "c3", status: "live" });
      }, { strict }));
  });
}

test("another user's page never shows the value of the one before", () => {
  const streams = [new Stream(hello("a1"), event("a2", "order", "alice's")), new Stream(hello("b1"), event("b2", "order", "bob's"))];
  return scripted([...streams], ({ requests, pass }) =>
    rendered(async (hook) => {
      await hook.render({ user: "alice" });
      await act(() => pass());
      assert.deepEqual(hook.live.value, ["alice's"]);
      await hook.render({ user: "bob", cursor: "b0", initial: ["rendered"] });
      await act(() => pass());
      assert.deepEqual(hook.live.value, ["rendered", "bob's"]);
      for (const { value } of hook.seen) assert.equal(value[0], "rendered");
      assert.deepEqual(requests, ["/events", "/events?lastEventId=b0"]);
    }));
});

test("a refusal is the status's reason", () =>
  scripted([status(403), status(403)], ({ pass }) =>
    rendered(async (hook) => {
      await hook.render({});
      await act(() => pass());
      await act(() => pass(3_000));
      assert.deepEqual([hook.live.status, hook.live.reason, hook.live.error], ["offline", "forbidden", undefined]);
    })));
