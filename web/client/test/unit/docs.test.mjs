// Code in the documents is code: each block can be read by a parser of its language.
import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { test } from "node:test";
import { transform } from "esbuild";

const project = new URL("../../../../", import.meta.url);
const pages = [
  "README.md",
  "web/client/README.md",
  "web/nextjs/README.md",
  ...readdirSync(new URL("docs/", project)).filter((name) => name.endsWith(".md")).map((name) => `docs/${name}`),
];

let blocks = 0;
for (const page of pages) {
  const text = readFileSync(new URL(page, project), "utf8");
  for (const [, language, code] of text.matchAll(/^```(js|jsx|ts|tsx)\n(.*?)^```/gms)) {
    blocks++;
    test(`${page}: ${code.split("\n")[0]}`, async () => {
      const { warnings } = await transform(code, { loader: language });
      assert.deepEqual(warnings, []);
    });
  }
}

test("the React example of a gateway's page", async () => {
  const page = readFileSync(new URL("web/docs/index.html", project), "utf8");
  const [, example] = page.match(/<code id="react">(.*?)<\/code>/s);
  const entities = { "&lt;": "<", "&gt;": ">", "&quot;": '"', "&amp;": "&" };
  const code = example.replace(/<[^>]*>/g, "").replace(/&\w+;/g, (entity) => entities[entity]);
  const { Orders, shown } = await run(code);
  const state = { cursor: "orders@e:1", events: [{ data: { orderId: "o-77", status: "confirmed" } }, { text: "no JSON" }] };
  const list = Orders({ user: "alice", state });
  assert.equal(list.props["data-status"], "live");
  assert.deepEqual(list.props.children.map((item) => item.props.children), ["confirmed"]);
  assert.equal(shown.cursor, state.cursor);
  assert.deepEqual(shown.restate(state), shown.initial);
  const shipped = { orderId: "o-78", status: "shipped" };
  assert.deepEqual(shown.reduce([], { json: () => shipped }), [shipped]);
});

/** Runs the example with a hook that shows its initial value, and says what the hook was given. */
async function run(code) {
  const { code: plain } = await transform(code, { loader: "jsx", jsx: "transform", jsxFactory: "element", format: "cjs" });
  const element = (type, props, ...children) => ({ type, props: { ...props, children: children.length === 1 ? children[0] : children } });
  const given = {};
  const useSluice = (options) => {
    Object.assign(given, options);
    return { value: options.initial, status: "live" };
  };
  const imported = (name) => {
    assert.equal(name, "@sluice/client/react");
    return { useSluice };
  };
  const Orders = new Function("require", "element", `${plain}; return Orders;`)(imported, element);
  return { Orders, shown: given };
}

test("there are such blocks", () => assert.ok(blocks > 5, `${blocks}`));
