// Pages with no client: the very code of web/docs/follow.js and of the short version, run in a
// world whose clock, EventSource, fetch and chance are the test's.
import { readFileSync } from "node:fs";
import { chance as numbers } from "./world.mjs";

const project = new URL("../../../../../", import.meta.url);
const read = (path) => readFileSync(new URL(path, project), "utf8");

/** The first JavaScript of docs/client.md that handles a reset. */
export const shortVersion = [...read("docs/client.md").matchAll(/```js\n(.*?)```/gs)].map(([, code]) => code).find((code) => code.includes("sluice.reset"));

const globals = ["setTimeout", "clearTimeout", "EventSource", "fetch", "location", "performance", "Math", "addEventListener", "document", "options"];

/** Both recipes begin a page: with { cursor, show, showAll, renew, waiting }. They return what ends it. */
export const recipes = {
  "follow.js": new Function(...globals, `${read("web/docs/follow.js").replace("export function", "function")}
    return follow("/events?stream=orders", {
      on: { "order.confirmed": (e) => options.show(JSON.parse(e.data)), ...options.on },
      cursor: options.cursor, state: "/state", show: options.showAll && ((state) => options.showAll(state.events)), renew: options.renew, waiting: options.waiting,
    });`),
  "the short version": new Function(...globals, `const { cursor, show, showAll } = options; ${shortVersion}
    return () => { clearTimeout(timer); events.close(); };`),
};

/** Time, and what is to happen in it. */
export class Clock {
  now = 0; // ms
  #due = new Map(); // id → { at, act }
  #ids = 0;

  setTimeout = (act, ms = 0) => {
    // As browsers have it: 32 bits, and what is larger is due at once.
    const wait = ms > 2 ** 31 - 1 || !(ms > 0) ? 0 : Math.floor(ms);
    this.#due.set(++this.#ids, { at: this.now + wait, act });
    return this.#ids;
  };

  clearTimeout = (id) => this.#due.delete(id);

  get waiting() {
    return this.#due.size;
  }

  /** Lets so much time pass. */
  async pass(ms) {
    for (const end = this.now + ms; ; ) {
      await settle();
      let next;
      for (const [id, timer] of this.#due) if (timer.at <= end && (!next || timer.at < next.at)) next = { id, ...timer };
      if (!next) return void (this.now = end);
      this.now = Math.max(this.now, next.at);
      this.#due.delete(next.id);
      next.act();
    }
  }
}

const settle = () => new Promise((resolve) => setImmediate(resolve)); // and what waits for promises has gone on

/** Numbers from 0 to 1, the same for a seed. */
export const chance = (seed) => numbers(seed).next;

/** A page. connect is what the gateway does with a new stream, state what it answers to GET /state. */
export class Page {
  sources = []; // every stream, in order
  loads = []; // when the state was asked for
  shown = [];
  renewals = [];
  waits = [];
  document = { visibilityState: "visible" };
  #target = new EventTarget();

  constructor(clock, begin, { connect = () => {}, state = () => ({ cursor: "S", events: [] }), random = Math.random, ...options } = {}) {
    const page = this;
    this.clock = clock;
    class Source extends EventTarget {
      static CLOSED = 2;
      readyState = 0;
      lastEventId = "";

      constructor(url) {
        super();
        this.url = new URL(url, "https://shop.example/");
        this.cursor = this.url.searchParams.get("lastEventId") ?? "";
        this.at = clock.now;
        page.sources.push(this);
        clock.setTimeout(() => this.readyState === 2 || connect(this, page.sources.length));
      }

      /** The gateway says something. */
      say(type, data = {}, id) {
        if (this.readyState === 2) return;
        this.readyState = 1;
        if (id) this.lastEventId = id;
        this.dispatchEvent(Object.assign(new Event(type), { data: JSON.stringify(data), lastEventId: this.lastEventId }));
      }

      /** The stream begins. The gateway of most tests says nothing for an hour, and may. */
      hello = (id = this.cursor || "H", heartbeat = 3_600_000) => this.say("sluice.hello", { resume: "live", heartbeat }, id);

      /** The connection ends; refused: by an answer but 200, after which a browser never comes back. */
      fail({ refused = false } = {}) {
        if (this.readyState === 2) return;
        this.readyState = refused ? 2 : 0;
        this.onerror?.(new Event("error"));
      }

      close() {
        this.readyState = 2;
      }
    }
    const fetch = async (url, { signal } = {}) => {
      this.loads.push(clock.now);
      const answer = await state(this.loads.length, signal);
      if (signal?.aborted) throw new DOMException("aborted", "AbortError");
      if (typeof answer === "number") return { ok: false, status: answer };
      return { ok: true, status: 200, json: async () => answer };
    };
    const listen = (type, act, options) => this.#target.addEventListener(type, act, options);
    const chances = Object.assign(Object.create(Math), { random });
    const mine = {
      cursor: "C",
      show: (order) => this.shown.push(order.n),
      showAll: (events) => (this.shown = events.map((event) => event.data.n)),
      renew: () => void this.renewals.push(clock.now),
      waiting: (ms) => this.waits.push(ms),
      ...options,
    };
    this.end = begin(clock.setTimeout, clock.clearTimeout, Source, fetch, { href: "https://shop.example/orders" },
      { now: () => clock.now }, chances, listen, this.document, mine);
  }

  get last() {
    return this.sources.at(-1);
  }

  /** Streams that are open or being opened. */
  get open() {
    return this.sources.filter((source) => source.readyState !== 2).length;
  }

  /** The browser does something to the page. */
  happen(type, properties = {}) {
    this.#target.dispatchEvent(Object.assign(new Event(type), properties));
  }
}
