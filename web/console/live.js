// The gateway's picture, asked for every second while somebody looks: a tab in the background asks nothing. The graphs
// have a sample every few seconds. Those from before the page looked, or from when it didn't, are the gateway's.
import { ask, Refused } from "./api.js";
import { pause } from "./sse.js";
import { longest, rate, Series } from "./series.js";

const every = 1000; // ms between two snapshots

export class Live {
  series = new Series();
  step = 3; // seconds between two samples
  snapshot = undefined;
  paused = false;
  #before = undefined;
  #figures = {};
  #sampled = undefined; // the snapshot of the last sample
  #listeners = [];
  #wake = () => {};

  // onChange is called after each snapshot, and with what went wrong instead: listener(live, error).
  onChange(listener) { this.#listeners.push(listener); }

  setPaused(paused) {
    this.paused = paused;
    this.now();
  }

  // now asks without waiting for the next second.
  now() { this.#wake(); }

  async run() {
    document.addEventListener("visibilitychange", () => this.now());
    for (;;) {
      if (!this.paused && !document.hidden) await this.#ask();
      const sleep = new AbortController();
      this.#wake = () => sleep.abort();
      await pause(every, sleep.signal);
    }
  }

  async #ask() {
    let error;
    try {
      const now = await ask("live");
      if (!(this.#behind(now) < 2 * this.step)) await this.#recall(now);
      this.#take(now);
    } catch (failed) {
      if (!(failed instanceof Refused || failed instanceof TypeError)) throw failed;
      error = failed;
    }
    for (const listener of this.#listeners) listener(this, error);
  }

  #take(now) {
    this.snapshot = now;
    this.#figures = figures(now, this.#before);
    this.#before = now;
    if (!(this.#behind(now) < this.step - 0.5)) this.#sample(now);
  }

  // sample adds to the graphs. For a time that nobody knows of, as when the gateway was down, they have a gap.
  #sample(one) {
    for (let i = Math.min(Math.round(this.#behind(one) / this.step) - 1, longest); i > 0; i--) this.series.take({});
    this.series.take(figures(one, this.#sampled));
    this.#sampled = one;
  }

  // behind is how many seconds the last sample was before a snapshot; undefined: there is none.
  #behind(now) { return this.#sampled && since(now.time, this.#sampled.time); }

  // recall fills the graphs with what the gateway remembers.
  async #recall(now) {
    const { step_seconds, samples } = await ask("live/history");
    this.step = step_seconds;
    const from = Date.parse(this.#sampled?.time ?? 0), to = Date.parse(now.time);
    for (const one of samples) {
      const at = Date.parse(one.time);
      if (at > from && at <= to) this.#sample(one);
    }
  }

  // latest is a figure as it was known last.
  latest(name) { return this.#figures[name]; }
}

// figures are what is drawn: levels as they are, counters as rates.
export function figures(now, before) {
  if (before?.gateway.started !== now.gateway.started) before = undefined; // counters begin anew with a process
  const seconds = before && (Date.parse(now.time) - Date.parse(before.time)) / 1000;
  const sum = (snapshot, field) => snapshot && total(snapshot, field);
  const all = {
    connections: now.gateway.connections,
    "records/s": rate(sum(now, "records"), sum(before, "records"), seconds),
    "written/s": rate(now.written.events, before?.written.events, seconds),
    "bytes/s": rate(now.written.bytes, before?.written.bytes, seconds),
    cpu: percentOf(rate(now.gateway.cpu_seconds, before?.gateway.cpu_seconds, seconds)),
    memory: now.gateway.rss_bytes,
    lag: sum(now, "lag"),
  };
  for (const s of now.streams) {
    const was = before?.streams.find((other) => other.name === s.name);
    all[`${s.name} events/s`] = rate(s.events, was?.events, seconds);
    all[`${s.name} deliveries/s`] = rate(s.deliveries, was?.deliveries, seconds);
    all[`${s.name} lag`] = s.lag ?? undefined;
    all[`${s.name} answered`] = since(now.time, s.kafka_answered);
  }
  for (const d of now.deliveries ?? []) {
    const was = before?.deliveries?.find((other) => other.name === d.name);
    const name = deliveryFigure(d.name);
    all[name("delivered/s")] = rate(d.delivered, was?.delivered, seconds);
    all[name("failed/s")] = rate(sumOf(d.failed_attempts), was && sumOf(was.failed_attempts), seconds);
    all[name("lag")] = d.lag ?? undefined;
    all[name("oldest")] = since(now.time, d.oldest_waiting) ?? 0;
  }
  return all;
}

// deliveryFigure names the figures of a delivery, apart from those of a stream of the same name.
export const deliveryFigure = (delivery) => (figure) => `delivery ${delivery} ${figure}`;

// sumOf is the sum of what is counted by reason.
export const sumOf = (counts = {}) => Object.values(counts).reduce((a, b) => a + b, 0);

const percentOf = (share) => (share === undefined ? undefined : 100 * share);

// total is the sum of a figure over all streams; undefined where one of them isn't known.
export function total(snapshot, field) {
  const all = snapshot.streams.map((s) => s[field]);
  return all.some((n) => n == null) ? undefined : all.reduce((a, b) => a + b, 0);
}

// since is how many seconds before now a time was, both as the gateway's clock has them.
export function since(now, time) {
  if (!time) return undefined;
  return Math.max(0, (Date.parse(now) - Date.parse(time)) / 1000);
}
