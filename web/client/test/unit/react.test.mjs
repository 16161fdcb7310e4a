import assert from "node:assert/strict";
import { test } from "node:test";
import { createElement } from "react";
import { renderToString } from "react-dom/server";
import { useSluice } from "@sluice/client/react";

test("on the server it shows what the server knew, and opens nothing", (t) => {
  const fetch = t.mock.method(globalThis, "fetch");
  function Orders() {
    const { value, status } = useSluice({ url: "/events", initial: ["o-1"], cursor: "c", reduce: (orders) => orders });
    return createElement("p", null, `${status}: ${value}`);
  }
  assert.equal(renderToString(createElement(Orders)), "<p>connecting: o-1</p>");
  assert.equal(fetch.mock.callCount(), 0);
});
