// Code in the documents is code: each block can be read by a parser of its language.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
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
const typed = []; // blocks that import nothing but these
const known = ["@sluice/client", "@sluice/client/react", "@sluice/client/server", "@tanstack/react-query", "react"];
for (const page of pages) {
  const text = readFileSync(new URL(page, project), "utf8");
  for (const [, language, code] of text.matchAll(/^```(js|jsx|ts|tsx)\n(.*?)^```/gms)) {
    blocks++;
    const imports = [...code.matchAll(/^import .* from "(.*)";$/gm)].map(([, from]) => from);
    if (language.startsWith("ts") && imports.some((from) => from.startsWith("@sluice")) && imports.every((from) => known.includes(from))) typed.push(code);
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

// What the documents leave to those who read them.
const yours = `
type Order = { orderId: string; status: string };
type Orders = Record<string, Order>;
type Shop = { "order.placed": Order; "order.confirmed": Order };
type State<T> = import("@sluice/client").State<T>;
declare const user: string, cookie: string, gateway: string, key: string;
declare function report(error: unknown, data: string): void;
declare function ordersOf(state: State<Order>): Orders;
declare function withOrder(orders: Orders, order: Order): Orders;
`;

test("the documents' TypeScript compiles, as strictly as a new app's", () => {
  assert.ok(typed.length >= 5, `${typed.length}`);
  const dir = mkdtempSync(new URL("../docs-", import.meta.url).pathname); // in the package, so that its name is known
  try {
    const options = { target: "ES2023", module: "ESNext", moduleResolution: "bundler", jsx: "react-jsx", strict: true, noUncheckedIndexedAccess: true, noEmit: true, skipLibCheck: true };
    writeFileSync(join(dir, "tsconfig.json"), JSON.stringify({ compilerOptions: options, include: ["*"] }));
    writeFileSync(join(dir, "yours.d.ts"), yours);
    typed.forEach((code, i) => writeFileSync(join(dir, `block${i}.tsx`), code));
    const tsc = new URL("../../node_modules/.bin/tsc", import.meta.url).pathname;
    execFileSync(tsc, ["-p", dir], { encoding: "utf8" });
  } catch (error) {
    assert.fail(`${error.stdout ?? error}\n${typed.join("\n---\n")}`);
  } finally {
    rmSync(dir, { recursive: true });
  }
});
