// A gateway that answers as the test says, for one tab.
import { chance, World } from "./world.mjs";

/** One stream, to be written by the test. */
export class Stream {
  constructor(...texts) {
    this.body = new ReadableStream({ start: (c) => void (this.controller = c) });
    this.response = new Response(this.body, { headers: { "Content-Type": "text/event-stream; charset=utf-8" } });
    this.write(...texts);
  }
  write(...texts) {
    for (const text of texts) this.controller.enqueue(new TextEncoder().encode(text));
  }
  end() {
    this.controller.close();
  }
}

export const event = (id, type, data) => `id: ${id}\nevent: ${type}\ndata: ${JSON.stringify(data)}\n\n`;
export const hello = (id = "c0", heartbeat = 15_000) => event(id, "sluice.hello", { resume: "live", heartbeat });
export const json = (body) => new Response(JSON.stringify(body), { headers: { "Content-Type": "application/json" } });
export const status = (code, headers) => new Response("no", { status: code, headers });
export const never = () => new Promise(() => {});

/**
 * Runs a test in a world where the n-th request gets the n-th answer: a Response, a Stream, an Error, or a promise.
 * What has no answer waits for ever. requests are "/path?query" as they came, signals those they came with.
 */
export async function scripted(answers, run) {
  const world = new World(chance(1));
  const requests = [];
  const signals = [];
  world.gateways.fetch = (url, signal) => {
    requests.push(url.pathname + url.search);
    signals.push(signal);
    return new Promise((resolve, reject) => {
      const cut = () => reject(signal.reason);
      signal.addEventListener("abort", () => {
        cut();
        if (answer instanceof Stream) answer.controller.error(signal.reason);
      });
      const answer = answers.shift() ?? never();
      if (signal.aborted) cut();
      else if (answer instanceof Error) reject(answer);
      else resolve(answer instanceof Stream ? answer.response : answer);
    });
  };
  const uninstall = world.install();
  const page = { window: new EventTarget(), document: new EventTarget() };
  Object.assign(globalThis, page);
  const pass = async (ms = 0) => {
    await world.quiet();
    world.advance(ms);
    await world.quiet();
  };
  try {
    await run({ ...page, world, requests, signals, pass });
  } finally {
    uninstall();
    delete globalThis.window;
    delete globalThis.document;
  }
}
