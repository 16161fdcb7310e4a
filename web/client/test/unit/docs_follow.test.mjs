// The documents' calls of follow() are what web/docs/follow.js takes, and do what they seem to.
import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { test } from "node:test";

const project = new URL("../../../../", import.meta.url);
const read = (name) => readFileSync(new URL(name, project), "utf8");
const [, parameters] = read("web/docs/follow.js").match(/export function follow\(url, \{ (.*?) \}\)/);
const taken = parameters.split(", ").map((one) => one.split(" ")[0]);

const pages = ["README.md", ...readdirSync(new URL("docs/", project)).filter((name) => name.endsWith(".md")).map((name) => `docs/${name}`)];
const calls = pages.flatMap((page) => [...read(page).matchAll(/^```js\n(follow\(.*?)^```/gms)].map(([, code]) => ({ page, code })));

test("there are such calls", () => assert.ok(calls.length >= 2));

for (const { page, code } of calls)
  test(`${page}: follow(…)`, () => {
    const got = [];
    let options;
    const world = { cursor: "C", show: (order) => got.push(order), showAll: (events) => got.push(...events), renewLogin() {} };
    new Function("follow", ...Object.keys(world), code)((url, given) => {
      assert.equal(url, "/events");
      options = given;
    }, ...Object.values(world));
    for (const name of Object.keys(options)) assert.ok(taken.includes(name), `follow takes no ${name}`);
    options.on["order.confirmed"]({ data: '{"n":1}' });
    options.show({ events: [{ n: 2 }], cursor: "D" });
    assert.deepEqual(got, [{ n: 1 }, { n: 2 }]);
  });
