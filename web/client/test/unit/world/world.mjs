// A browser with tabs, and gateways, of which nothing is as fast as one thinks: whatever goes from one to
// another waits until chance delivers it, in order only between the same two.
import { AsyncLocalStorage } from "node:async_hooks";
import { Gateways } from "./gateways.mjs";

/** Which tab the code that runs belongs to. */
const here = new AsyncLocalStorage();

/** Numbers that chance gives, the same ones for the same seed. */
export function chance(seed) {
  let s = seed;
  const next = () => { // mulberry32
    s = (s + 0x6d2b79f5) | 0;
    let t = Math.imul(s ^ (s >>> 15), 1 | s);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  return { next, below: (n) => Math.floor(next() * n), pick: (list) => list[Math.floor(next() * list.length)] };
}

const settle = () => new Promise((resolve) => setImmediate(resolve));
const aborted = (signal) => signal.reason ?? new DOMException("aborted", "AbortError");

export class World {
  now = 0;
  ways = new Map(); // "from→to" → what is under way there, in order; tab is whose code it will run
  timers = new Set();
  channels = new Set();
  locks = new Map(); // name → { held, queue }
  frozen = new Set(); // no timer, nothing from the network
  deaf = true; // nor a word from other tabs, which Chromium does deliver to them
  gone = new Set();

  constructor(random) {
    this.random = random;
    this.gateways = new Gateways(this);
  }

  /** Puts the world's parts where the client looks for them. Returns how to take them away. */
  install() {
    const parts = {
      fetch: (url, init) => this.gateways.fetch(new URL(url), init.signal, here.getStore()),
      setTimeout: (run, ms) => this.timer(run, ms, false), setInterval: (run, ms) => this.timer(run, ms, true),
      clearTimeout: (timer) => this.timers.delete(timer), clearInterval: (timer) => this.timers.delete(timer),
      BroadcastChannel: channelIn(this), navigator: { locks: { request: (...args) => this.lock(...args) } },
    };
    const were = Object.keys(parts).map((name) => [name, Object.getOwnPropertyDescriptor(globalThis, name)]);
    const dateNow = Date.now, mathRandom = Math.random;
    for (const [name, value] of Object.entries(parts)) Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
    Date.now = () => this.now;
    Math.random = this.random.next;
    return () => {
      Date.now = dateNow;
      Math.random = mathRandom;
      for (const [name, was] of were) was ? Object.defineProperty(globalThis, name, was) : delete globalThis[name];
    };
  }

  within(tab, run) {
    return here.run(tab, run);
  }

  send(from, tab, run) {
    const way = `${from}→${tab}`;
    if (!this.ways.has(way)) this.ways.set(way, { tab, due: [] });
    this.ways.get(way).due.push(run);
  }

  /** Delivers one thing, and lets happen what follows from it. False: there is nothing that could be delivered. */
  async step() {
    await settle();
    const awake = (way, tab) => !this.frozen.has(tab) || (!this.deaf && way.startsWith("tab"));
    const ready = [...this.ways].filter(([way, { tab, due }]) => due.length && awake(way, tab));
    if (!ready.length) return false;
    const [, { tab, due }] = this.random.pick(ready);
    const run = due.shift();
    if (!this.gone.has(tab)) here.run(tab, run);
    await settle();
    return true;
  }

  async quiet() {
    for (let i = 0; await this.step(); i++) if (i > 100_000) throw new Error("it never comes to rest");
  }

  timer(run, ms, again) {
    const timer = { at: this.now + (ms ?? 0), ms, run, again, tab: here.getStore(), unref() {} };
    this.timers.add(timer);
    return timer;
  }

  /** Lets time pass. A frozen tab's timers go off when it is thawed. */
  advance(ms) {
    this.now += ms;
    for (const timer of [...this.timers]) {
      if (timer.at > this.now || this.frozen.has(timer.tab) || this.gone.has(timer.tab) || !this.timers.has(timer)) continue;
      if (timer.again) timer.at = this.now + timer.ms;
      else this.timers.delete(timer);
      here.run(timer.tab, timer.run);
    }
  }

  /** A tab is closed without a word. */
  kill(tab) {
    this.gone.add(tab);
    this.gateways.drop(tab);
    for (const channel of this.channels) if (channel.tab === tab) this.channels.delete(channel);
    for (const lock of this.locks.values()) {
      lock.queue = lock.queue.filter((request) => request.tab !== tab);
      if (lock.held?.tab === tab) this.release(lock, lock.held);
    }
  }

  lock(name, { steal = false, signal }, use) {
    if (!this.locks.has(name)) this.locks.set(name, { held: null, queue: [] });
    const lock = this.locks.get(name);
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(aborted(signal));
      const request = { tab: here.getStore(), resolve, reject, use };
      signal?.addEventListener("abort", () => {
        if (!lock.queue.includes(request)) return;
        lock.queue.splice(lock.queue.indexOf(request), 1);
        reject(aborted(signal));
      });
      if (!steal) lock.queue.push(request);
      else {
        const robbed = lock.held;
        if (robbed) this.send("locks", robbed.tab, () => robbed.reject(new DOMException("stolen", "AbortError")));
        this.grant(lock, request);
      }
      if (!lock.held) this.grant(lock, lock.queue.shift());
    });
  }

  grant(lock, request) {
    lock.held = request;
    this.send("locks", request.tab, async () => {
      const result = await request.use();
      this.release(lock, request);
      request.resolve(result);
    });
  }

  release(lock, request) {
    if (lock.held !== request) return;
    lock.held = null;
    if (lock.queue.length) this.grant(lock, lock.queue.shift());
  }
}

const channelIn = (world) => class {
  constructor(name) {
    this.name = name;
    this.tab = here.getStore();
    world.channels.add(this);
  }
  postMessage(word) {
    const data = structuredClone(word);
    for (const other of world.channels) {
      if (other === this || other.name !== this.name) continue;
      world.send(`tab ${this.tab}`, other.tab, () => world.channels.has(other) && other.onmessage?.({ data }));
    }
  }
  close() {
    world.channels.delete(this);
  }
};
