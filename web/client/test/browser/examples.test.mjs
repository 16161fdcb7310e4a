// The pages of web/examples, made from the packed client as somebody else would, on `sluice demo`: Chromium sees events come.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import http from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { chromium } from "playwright-core";
import { freePort, missing, run, until } from "./rig.mjs";

const root = new URL("../../", import.meta.url).pathname;
const examples = join(root, "../examples");
const skip = missing();
const children = [];
let dir, app, gateway, plain, browser;

before(async () => {
  if (skip) return;
  dir = mkdtempSync(join(tmpdir(), "sluice-examples-"));
  app = join(dir, "vite");
  const began = Date.now();
  const npm = (...args) => execFileSync("npm", args, { cwd: app, stdio: ["ignore", "pipe", "inherit"], encoding: "utf8" });
  cpSync(join(examples, "vite"), app, { recursive: true, filter: (path) => !/node_modules|dist$|\.tgz$|package-lock/.test(path) });
  const [{ filename }] = JSON.parse(execFileSync("npm", ["pack", "--json", "--ignore-scripts", "--pack-destination", app], { cwd: root, stdio: ["ignore", "pipe", "ignore"] }));
  assert.ok(readFileSync(join(app, "package.json"), "utf8").includes(`file:${filename}`), "the example names another version of the client");
  npm("install", "--no-audit", "--no-fund", "--prefer-offline");
  const installed = Date.now();
  npm("run", "build");
  console.log(`a fresh Vite app: installed in ${installed - began} ms, built in ${Date.now() - installed} ms`);

  const sluice = process.env.SLUICE_TEST_BINARY ?? join(dir, "sluice");
  if (!process.env.SLUICE_TEST_BINARY) execFileSync("go", ["build", "-o", sluice, "./cmd/sluice"], { cwd: join(root, "../.."), stdio: "inherit" });
  gateway = `http://127.0.0.1:${await freePort()}`;
  plain = await serve(readFileSync(join(examples, "html/index.html"), "utf8").replaceAll("http://localhost:8080", gateway));
  const demo = run(sluice, ["demo", "--listen", gateway.slice(7), "--admin", "127.0.0.1:0", "--rate", "3"], children, { SLUICE_CORS_ORIGINS: plain.origin });
  await until("the demo is open", () => {
    if (demo.exitCode !== null) throw new Error(demo.output);
    return demo.output.includes("Kafka");
  });
  browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox", "--disable-gpu"] });
});

after(async () => {
  await browser?.close();
  plain?.server.close();
  for (const child of children) child.kill("SIGKILL");
  await Promise.all(children.map((child) => child.ended));
  if (dir) rmSync(dir, { recursive: true, force: true });
});

/** A server of one page. */
async function serve(page) {
  const server = http.createServer((request, response) => response.writeHead(200, { "Content-Type": "text/html; charset=utf-8" }).end(page));
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { server, origin: `http://127.0.0.1:${server.address().port}` };
}

/** Opens a page, and closes it after. Whatever is wrong in its console fails the test. */
async function visit(url, look) {
  const page = await browser.newPage();
  const complaints = [];
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
  const streams = [];
  page.on("request", (request) => new URL(request.url()).pathname === "/events" && streams.push(request.url()));
  try {
    await page.goto(url);
    await look(page, streams);
    assert.deepEqual(complaints, []);
  } finally {
    await page.close();
  }
}

/** Runs one of the app's scripts, and returns the address that it says. */
async function vite(...args) {
  const port = await freePort();
  const bin = join(app, "node_modules/vite/bin/vite.js");
  const child = run(process.execPath, [bin, ...args, "--port", String(port), "--strictPort", "--host", "127.0.0.1"], children, { SLUICE_URL: gateway }, app);
  const url = `http://127.0.0.1:${port}/`;
  await until(`vite ${args} answers`, () => {
    if (child.exitCode !== null) throw new Error(child.output);
    return fetch(url).then((response) => response.ok, () => false);
  });
  return { url, end: () => (child.kill(), child.ended) };
}

for (const [name, args] of [["built", ["preview"]], ["in development", []]]) {
  test(`the Vite app, ${name}: three ways, one connection, the same orders`, { skip }, async () => {
    const { url, end } = await vite(...args);
    await visit(url, async (page, streams) => {
      const ids = ["hook", "query", "collection"];
      const orders = () => page.evaluate((ids) => ids.map((id) => [...document.querySelectorAll(`#${id} li`)].map((li) => li.textContent).sort().join("\n")), ids);
      await until("the stream is live", () => page.evaluate(() => document.querySelector("#hook")?.dataset.status === "live"));
      const first = await orders();
      await until("events come", async () => (await orders())[0] !== first[0]);
      await until("all three show the same", async () => {
        const [hook, query, collection] = await orders();
        return hook && hook === query && hook === collection;
      });
      assert.equal(streams.length, 1, streams.join(" "));
    });
    await end();
  });
}

test("the plain page: one file, which the gateway serves, of another origin", { skip }, async () => {
  await visit(`${plain.origin}/?user=bob`, async (page) => {
    const text = (selector) => page.evaluate((selector) => document.querySelector(selector).textContent, selector);
    await until("the stream is live", async () => (await text("#status")) === "live");
    const first = await text("#orders");
    await until("events come", async () => (await text("#orders")) !== first);
    assert.match(await text("#orders"), /o-\d+: .+, (placed|confirmed)/);
  });
});
