// What the browser tests stand on: `sluice demo` for its Kafka, a gateway of `sluice serve` that can be killed beside it, a small
// shop that is the pages' origin and the proxy before the gateway, kcat as the back end, and Chromium.
import { execFileSync, spawn } from "node:child_process";
import { createHmac } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import http from "node:http";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { buildSync } from "esbuild";
import { chromium } from "playwright-core";
import { shortVersion } from "../unit/world/page.mjs";

const root = new URL("../../", import.meta.url).pathname;
const secret = "0123456789abcdef0123456789abcdef";
const flags = ["--no-sandbox", "--disable-gpu"];
const most = 60_000; // ms that anything may take on a busy machine

/** What of the tools is missing: a reason to skip, unless SLUICE_TEST_ALL=1 forbids it. */
export function missing() {
  const tools = { go: "version", kcat: "-V", chromium: "--version" };
  const lacking = Object.keys(tools).filter((tool) => {
    try {
      execFileSync(tool, [tools[tool]], { stdio: "ignore" });
    } catch {
      return true;
    }
  });
  if (lacking.length && process.env.SLUICE_TEST_ALL === "1") throw new Error(`not installed: ${lacking}`);
  return lacking.length ? `not installed: ${lacking}` : false;
}

/** Waits until the condition is true, and says what it waited for if it never is. */
export async function until(what, condition) {
  for (const end = Date.now() + most; ; await sleep(25)) {
    const value = await condition();
    if (value) return value;
    if (Date.now() > end) throw new Error(`waited in vain until ${what}`);
  }
}

/** A port that nobody has. */
export const freePort = () =>
  new Promise((resolve) => {
    const server = net.createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });

const inScript = (value) => JSON.stringify(value).replaceAll("<", "\\u003c");

/** A page without the client: the short version of docs/client.md, or follow.js. */
function plainPage(follow, cursor = "", state) {
  const recipe = follow
    ? `import { follow } from "/follow.js";
       follow("/events", { cursor, on: { "order.confirmed": (e) => show(JSON.parse(e.data)) }, state: "/state", show: (state) => showAll(state.events) });`
    : shortVersion;
  return `<!doctype html><meta charset="utf-8"><title>Plain</title><script type="module">
    const cursor = ${inScript(cursor)};
    const showAll = (events) => (window.list = events.map((event) => event.data.n));
    const show = (order) => window.list.push(order.n);
    showAll(${inScript(state.events ?? [])});
    window.restored = 0;
    addEventListener("pageshow", (e) => e.persisted && window.restored++);
    ${recipe}
  </script>`;
}

// What service workers do with a request, as many do it.
const answers = {
  passes: "fetch(event.request)",
  "drops headers": 'fetch(event.request.url, { credentials: "include" })',
  "answers with copies first": `caches.match(event.request).then((copy) => copy ?? fetch(event.request).then((answer) => {
    const copy = answer.clone();
    caches.open("copies").then((cache) => cache.put(event.request, copy)).catch(() => {});
    return answer;
  }))`,
  "keeps copies": `fetch(event.request).then((answer) => {
    const copy = answer.clone();
    caches.open("copies").then((cache) => cache.put(event.request, copy)).catch(() => {}); // of a stream that was cut there is none
    return answer;
  }, async () => (await caches.match(event.request)) ?? Response.error())`,
};

/** The service workers' names, by what they do. */
export const workers = Object.keys(answers);

/** And one that README tells of: it has nothing to do with streams. */
export const staysOut = "stays out";

function worker(does) {
  does = decodeURIComponent(does);
  const early = does === staysOut ? 'if (event.request.headers.get("Accept")?.includes("text/event-stream")) return;' : "";
  return `self.addEventListener("install", () => self.skipWaiting());
    self.addEventListener("activate", (event) => event.waitUntil(clients.claim()));
    self.addEventListener("fetch", (event) => {
      ${early}
      event.respondWith(${answers[does] ?? answers.passes});
    });`;
}

/** Starts a program, which is added to the list. output is what it has said, and ended resolves when it has. */
export function run(command, args, log, env = {}, cwd = undefined) {
  const child = spawn(command, args, { stdio: ["pipe", "pipe", "pipe"], env: { ...process.env, ...env }, cwd });
  child.output = "";
  for (const pipe of [child.stdout, child.stderr]) pipe.on("data", (data) => (child.output += data));
  child.ended = new Promise((resolve) => child.on("exit", resolve));
  log.push(child);
  return child;
}

export class Rig {
  children = [];
  mode = "pass"; // of the proxy: pass, or buffer: streams get nothing until they end
  streams = new Map(); // open requests for /events → the page that made it
  mostStreams = 0;
  opened = 0;
  resumes = []; // Last-Event-ID of each request for /events
  pages = 0; // that were loaded
  faults = []; // of the shop
  counts = new Map(); // events produced, by user
  lifetime = 3600; // seconds, of a login
  produced = Promise.resolve(); // all that was to be

  async start() {
    this.dir = mkdtempSync(join(tmpdir(), "sluice-client-"));
    this.sluice = process.env.SLUICE_TEST_BINARY ?? join(this.dir, "sluice");
    if (!process.env.SLUICE_TEST_BINARY) execFileSync("go", ["build", "-o", this.sluice, "./cmd/sluice"], { cwd: join(root, "../.."), stdio: "inherit" });
    const demo = run(this.sluice, ["demo", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--rate", "0.01"], this.children);
    const broker = await until("the demo is open", () => {
      if (demo.exitCode !== null) throw new Error(demo.output);
      return demo.output.match(/Kafka +(\S+),/)?.[1];
    });
    this.port = await freePort();
    this.admin = await freePort();
    writeFileSync(join(this.dir, "jwt.key"), secret);
    writeFileSync(join(this.dir, "sluice.yaml"), `
listen: "127.0.0.1:${this.port}"
admin: "127.0.0.1:${this.admin}"
heartbeat: 5s
kafka: {brokers: ["${broker}"]}
streams:
  orders: {topic: order-topic, user: key, subject: value:orderId, event: value:type}
auth:
  jwt: {secret_file: jwt.key, from: [header, "cookie:login"]}
log: {level: warn}
`);
    await this.startGateway();
    this.broker = broker;
    this.react = buildSync({
      entryPoints: [join(root, "test/browser/shop.jsx")], bundle: true, format: "esm", write: false, jsx: "automatic",
      define: { "process.env.NODE_ENV": '"development"' },
    }).outputFiles[0].contents;
    await this.startShop();
    this.browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: flags });
  }

  async stop() {
    await this.browser?.close();
    this.shop?.closeAllConnections();
    this.shop?.close();
    for (const child of this.children) child.kill("SIGKILL");
    await Promise.all(this.children.map((child) => child.ended));
    if (this.dir) rmSync(this.dir, { recursive: true });
  }

  async startGateway() {
    this.gateway = run(this.sluice, ["serve", "-c", join(this.dir, "sluice.yaml")], this.children);
    await until("the gateway is ready", async () => {
      if (this.gateway.exitCode !== null) throw new Error(this.gateway.output);
      return fetch(`http://127.0.0.1:${this.admin}/readyz`).then((r) => r.ok, () => false);
    });
  }

  async killGateway() {
    this.gateway.kill("SIGKILL");
    await this.gateway.ended;
  }

  /** Ends all streams of a user as an operator does, once there are so many. */
  async cut(user, count) {
    const subscribers = `http://127.0.0.1:${this.admin}/subscribers`;
    const connected = await until(`${count} streams are open`, async () => {
      const answer = await (await fetch(`${subscribers}?user=${user}`)).json();
      return answer.subscribers.length === count && answer.subscribers;
    });
    for (const { id } of connected) await fetch(`${subscribers}/${id}`, { method: "DELETE" });
  }

  /** The way to the gateway is cut, until it is plugged in again. */
  unplug() {
    this.mode = "cut";
    for (const request of this.streams.keys()) request.socket.destroy();
  }

  plug() {
    this.mode = "pass";
  }

  /** The next so many of a user's orders are confirmed, while the test goes on. */
  confirm(user, n = 1) {
    let records = "";
    for (; n > 0; n--) {
      const count = (this.counts.get(user) ?? 0) + 1;
      this.counts.set(user, count);
      const order = { orderId: `${user}-${count}`, type: "order.confirmed", n: count };
      records += `${user}:${JSON.stringify(order)}\n`;
    }
    this.produced = this.produced.then(async () => {
      const kcat = run("kcat", ["-P", "-b", this.broker, "-t", "order-topic", "-K:"], this.children);
      kcat.stdin.end(records); // it sends nothing before the end
      if (await kcat.ended) throw new Error(`kcat: ${kcat.output}`);
    });
  }

  token(user) {
    const part = (value) => Buffer.from(typeof value === "string" ? value : JSON.stringify(value)).toString("base64url");
    const signed = `${part({ alg: "HS256", typ: "JWT" })}.${part({ sub: user, exp: Math.floor(Date.now() / 1000) + this.lifetime })}`;
    return `${signed}.${createHmac("sha256", secret).update(signed).digest("base64url")}`;
  }

  async startShop() {
    const files = { js: "text/javascript", html: "text/html; charset=utf-8" };
    const serve = async (request, response) => {
      const url = new URL(request.url, "http://shop");
      const send = (type, body, headers) => response.writeHead(200, { "Content-Type": type, ...headers }).end(body);
      const user = url.searchParams.get("user");
      if (url.pathname === "/login") {
        send("text/plain", this.token(user), { "Set-Cookie": `login=${this.token(user)}; HttpOnly; Path=/; SameSite=Lax` });
      } else if (url.pathname.startsWith("/client/")) {
        send(files.js, readFileSync(join(root, "dist", url.pathname.slice(8))));
      } else if (url.pathname === "/shop.js") {
        send(files.js, this.react);
      } else if (url.pathname === "/favicon.ico") {
        response.writeHead(204).end();
      } else if (url.pathname === "/follow.js") {
        send(files.js, readFileSync(join(root, "../docs/follow.js")));
      } else if (url.pathname === "/sw.js") {
        send(files.js, worker(url.search.slice(1)));
      } else if (url.pathname === "/plain") {
        this.pages++;
        const state = await this.rendered(request, url);
        send(files.html, plainPage(url.searchParams.has("follow"), url.searchParams.get("cursor") ?? state.cursor, state));
      } else if (url.pathname === "/elsewhere") {
        send(files.html, "<!doctype html><title>Elsewhere</title>");
      } else if (url.pathname === "/") {
        // As a server does that renders a page: the state, with the visitor's cookie.
        const state = await this.rendered(request, url);
        let page = readFileSync(join(root, "test/browser/page.html"), "utf8");
        if (url.searchParams.has("one")) page = page.replace("/client/index.js", "/client/sluice.js");
        send(files.html, page.replace("{/*state*/}", () => inScript(state)));
      } else {
        this.proxy(request, response);
      }
    };
    this.shop = http.createServer((request, response) => {
      serve(request, response).catch((error) => {
        this.faults.push(`${request.url}: ${error.message}`);
        response.writeHead(500).end();
      });
    });
    await new Promise((resolve) => this.shop.listen(0, "127.0.0.1", resolve));
    this.origin = `http://127.0.0.1:${this.shop.address().port}`;
  }

  /** What a page is rendered from; &bare: nothing. */
  rendered(request, url) {
    return url.searchParams.has("bare") ? {} : this.state(request.headers.cookie);
  }

  async state(cookie) {
    const response = await fetch(`http://127.0.0.1:${this.port}/state`, { headers: { cookie } });
    if (!response.ok) throw new Error(`/state: ${response.status}`);
    return response.json();
  }

  /** As a proxy before a gateway does: 502 when it is away. */
  proxy(request, response) {
    const { path, headers, method } = { path: request.url, headers: request.headers, method: request.method };
    const stream = request.url.startsWith("/events");
    if (this.mode === "cut") return void request.socket.destroy();
    if (stream) {
      this.opened++;
      this.resumes.push(headers["last-event-id"]);
      this.streams.set(request, headers.referer);
      this.mostStreams = Math.max(this.mostStreams, this.streams.size);
    }
    const upstream = http.request({ port: this.port, host: "127.0.0.1", path, headers, method, agent: false });
    response.on("close", () => {
      this.streams.delete(request);
      upstream.destroy();
    });
    upstream.on("error", () => (response.headersSent ? response.destroy() : response.writeHead(502).end("bad gateway")));
    upstream.on("response", (answer) => {
      const held = stream && this.mode === "buffer";
      const kept = [];
      if (!held) response.writeHead(answer.statusCode, answer.headers);
      answer.on("data", (data) => (held ? kept.push(data) : response.write(data)));
      answer.on("error", () => response.destroy());
      answer.on("end", () => {
        if (held) response.writeHead(answer.statusCode, answer.headers);
        for (const data of kept) response.write(data);
        response.end();
      });
    });
    upstream.end();
  }

  /**
   * A browser of a user's own, logged in. real: with tabs that are hidden behind the newest, as they are for people; else all
   * of them count as looked at, and Chromium freezes none of those.
   */
  async visitor(user, real) {
    const context = real ? await this.realBrowser() : await this.browser.newContext();
    const login = await context.request.get(`${this.origin}/login?user=${user}`);
    if (!login.ok()) throw new Error("login");
    return context;
  }

  async realBrowser() {
    const profile = join(this.dir, `profile${this.children.length}`);
    const child = run("chromium", [...flags, "--headless=new", "--remote-debugging-port=0", `--user-data-dir=${profile}`, "about:blank"], this.children);
    const address = await until("chromium listens", () => child.output.match(/ws:\S+/)?.[0]);
    const browser = await chromium.connectOverCDP(address, { noDefaults: true });
    const [context] = browser.contexts();
    context.on("close", () => child.kill());
    return context;
  }

  /** Opens a tab. What is wrong in its console ends up in complaints. */
  async tab(context, query, path = "/") {
    const page = await context.newPage();
    page.complaints = [];
    page.on("pageerror", (error) => page.complaints.push(String(error)));
    page.on("console", (message) => message.type() === "error" && !message.text().startsWith("Failed to load resource") && page.complaints.push(message.text()));
    const response = await page.goto(`${this.origin}${path}?${query}`);
    if (!response.ok()) throw new Error(`the shop: ${this.faults}`);
    return page;
  }

  /** Waits until the tab shows all that was confirmed, and says what else it shows. */
  async exact(page, user) {
    await this.produced;
    const want = Array.from({ length: this.counts.get(user) ?? 0 }, (_, i) => i + 1);
    const list = () => page.evaluate(() => window.list ?? []);
    await until(`${user}'s tab shows ${want.length}`, async () => (await list()).length >= want.length);
    const got = await list();
    const sorted = got.toSorted((a, b) => a - b);
    if (JSON.stringify(sorted) !== JSON.stringify(want)) {
      throw new Error(`${user}: lost ${want.filter((n) => !got.includes(n))}; twice or foreign ${sorted.filter((n, i) => n !== i + 1)}`);
    }
    if (page.complaints.length) throw new Error(`console: ${page.complaints}`);
  }

  status(page, status) {
    return until(`the page is ${status}`, () => page.evaluate((s) => window.client?.status === s, status));
  }

  /** The tab that holds the stream. */
  leader(pages) {
    return until("somebody leads", () => pages.find((page) => [...this.streams.values()].includes(page.url())));
  }
}
