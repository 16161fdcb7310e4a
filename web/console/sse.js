// Reading a stream with fetch: it shows what an EventSource hides (the status, a problem's text, the retry field, events of any
// name) and can send a token. It comes back by itself, as an EventSource does.

const longest = 1 << 20; // characters of one event that are taken; a page is no place for more

// Parser cuts a stream's text into events, by the standard's rules.
export class Parser {
  #rest = "";
  #name = "";
  #data = [];
  #started = false;
  lastId = "";

  constructor(onEvent, onRetry) {
    this.onEvent = onEvent;
    this.onRetry = onRetry;
  }

  push(text) {
    if (!this.#started && text !== "") {
      this.#started = true;
      if (text.charCodeAt(0) === 0xfeff) text = text.slice(1);
    }
    const lines = (this.#rest + text).split(/\r\n|\n|\r(?!$)/);
    this.#rest = lines.pop();
    if (this.#rest.length > longest) throw new Error("a line of more than a million characters");
    lines.forEach((line) => this.#line(line));
  }

  #line(line) {
    if (line === "") return this.#dispatch();
    const colon = line.indexOf(":");
    if (colon === 0) return;
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (field === "data") this.#data.push(value);
    else if (field === "event") this.#name = value;
    else if (field === "id" && !value.includes("\0")) this.lastId = value;
    else if (field === "retry" && /^\d+$/.test(value)) this.onRetry(Number(value));
  }

  #dispatch() {
    const data = this.#data, name = this.#name;
    this.#data = [];
    this.#name = "";
    if (data.length > 0) this.onEvent({ id: this.lastId, event: name || "message", data: data.join("\n") });
  }
}

// follow reads url until signal says to stop. It tells: opened(), event({id, event, data}), waiting(ms), refused(problem).
// A refusal ends it, as it would end an EventSource. The position goes into the URL: a service worker
// may drop headers.
export async function follow(url, { token, signal, opened, event, waiting, refused }) {
  const at = new URL(url, location.href);
  let lastId = "", retry = 3000;
  while (!signal.aborted) {
    const headers = { Accept: "text/event-stream" };
    if (token) headers.Authorization = `Bearer ${token}`;
    if (lastId) at.searchParams.set("lastEventId", lastId);
    try {
      const response = await fetch(at, { headers, signal, cache: "no-store" });
      if (!response.ok) return refused(await problemOf(response));
      opened();
      const parser = new Parser(event, (ms) => { retry = ms; });
      parser.lastId = lastId;
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      for (let part = await reader.read(); !part.done; part = await reader.read()) {
        parser.push(part.value);
        lastId = parser.lastId;
      }
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof TypeError)) throw error; // fetch's for a connection that failed
    }
    waiting(retry);
    await pause(retry, signal);
  }
}

// problemOf is what an answer says of itself: RFC 9457, or its status.
export async function problemOf(response) {
  const plain = { status: response.status, title: `${response.status} ${response.statusText}`.trim(), detail: "" };
  try {
    return { ...plain, ...(await response.json()) };
  } catch {
    return plain;
  }
}

// pause waits, or until the signal.
export function pause(ms, signal) {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    if (signal?.aborted) done();
    signal?.addEventListener("abort", done);
  });
}
