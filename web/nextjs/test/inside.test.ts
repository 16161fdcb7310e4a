import assert from "node:assert/strict";
import { test } from "node:test";
import { inside } from "../lib/inside.ts";

test("a login goes on to a page of the shop and nowhere else", () => {
  for (const path of ["/", "/orders", "/orders/o-1?stay=1"]) assert.equal(inside(path), path);
  for (const path of [
    "https://evil.example/",
    "//evil.example",
    "/\\evil.example",
    "/\t/evil.example",
    "orders",
    "javascript:alert(1)",
    "",
    null,
    undefined,
    ["/orders"],
  ]) {
    assert.equal(inside(path), "/", String(path));
  }
});
