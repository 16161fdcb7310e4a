import { child } from "./abort.js";
import { parser, type Message } from "./parse.js";

/** The gateway's answer to GET /state. */
export interface State<T = unknown> {
  /** The position at which it is true. */
  cursor: string;
  /** The streams that it is of. */
  streams: string[];
  /** Everything from then on is there; null: everything. */
  since: string | null;
  /** false: it reaches less far back than it is meant to. */
  complete: boolean;
  /** The newest event of each subject. A payload that isn't JSON has no data, but its text: look before you use it. */
  events: { stream: string; subject: string; time: string; event?: string; data?: T; text?: string }[];
}

const LIMIT = 20_000; // ms that an answer may take longer than it was asked to

/** An answer that isn't what was asked for. status is 200 when only its kind was wrong: a login page, for example. */
export class Refused extends Error {
  constructor(
    readonly status: number,
    readonly retryAfter: number, // ms; 0: it doesn't say
  ) {
    super(`sluice: answered ${status}`);
  }
}

export interface WireOptions {
  /** Where the events are. Default "/events". Outside a page it has to be absolute. */
  url?: string | undefined;
  /** Where the state is. Default: beside the events, with the same query. */
  state?: string | undefined;
  /** Where to begin: the cursor of the state that the page was rendered from. */
  cursor?: string | undefined;
  /** Where to begin without one: "live" (default), "earliest", "last:N" or "since:TIME". */
  from?: string | undefined;
  /** Headers for every request, asked for each time: `() => ({ Authorization: "Bearer " + token })`. */
  headers?: (() => HeadersInit | Promise<HeadersInit>) | undefined;
  /**
   * What the stream comes by. Default "sse". "websocket" is for what is between page and gateway and lets only that through:
   * of the headers it takes a bearer token, and cookies always go along.
   */
  transport?: "sse" | "websocket" | undefined;
  /** "include" sends cookies to a gateway of another origin. Default "same-origin". */
  credentials?: RequestCredentials | undefined;
}

type Query = Record<string, string | undefined>;

/** A URL with a query. */
function asking(url: URL, query: Query): URL {
  url = new URL(url);
  for (const [name, value] of Object.entries(query)) if (value) url.searchParams.set(name, value);
  return url;
}

/** A page's requests to a gateway. */
export class Wire {
  readonly url: string; // of the events, without where to begin
  readonly cursor: string;
  readonly from: string | undefined;
  readonly #events: URL;
  readonly #state: URL;

  constructor(readonly options: WireOptions) {
    // Outside a page nothing is relative to this base, and the error of a relative URL shows it.
    const here = globalThis.location?.href ?? "sluice: url must be absolute";
    this.#events = new URL(options.url ?? "/events", here);
    const cut = (name: string) => {
      const value = this.#events.searchParams.get(name);
      this.#events.searchParams.delete(name);
      return value || undefined;
    };
    // A URL that an EventSource would take says the same.
    const [cursor, from] = [cut("lastEventId"), cut("from")];
    this.cursor = options.cursor ?? cursor ?? "";
    this.from = options.from ?? from;
    this.#state = new URL(options.state ?? this.#events.href, here);
    this.url = this.#events.href;
    if (!options.state) this.#state.pathname = this.#state.pathname.replace(/events$/, "state");
  }

  async #get(url: URL, accept: string, query: Query, signal: AbortSignal) {
    url = asking(url, query);
    // ngsw-bypass keeps Angular's service worker out, and no other has its value in a cache.
    if (globalThis.navigator?.serviceWorker?.controller) url.searchParams.set("ngsw-bypass", Date.now().toString(36));
    const headers = new Headers(await this.options.headers?.());
    headers.set("Accept", accept);
    const response = await fetch(url, {
      headers,
      signal,
      cache: "no-store",
      credentials: this.options.credentials ?? "same-origin",
    });
    if (response.status !== 200 || !response.headers.get("Content-Type")?.startsWith(accept)) {
      response.body?.cancel().catch(() => {});
      throw new Refused(response.status, 1000 * (Number(response.headers.get("Retry-After")) || 0));
    }
    return response;
  }

  /**
   * Reads the stream from a cursor, or from where the options say, until it ends. The cursor goes into the query and not into a header: that would
   * cost pages of other origins a preflight.
   */
  async stream(
    cursor: string,
    tell: (message: Message) => void,
    retry: (ms: number) => void,
    alive: () => void,
    signal: AbortSignal,
  ): Promise<void> {
    const query = cursor ? { lastEventId: cursor } : { from: this.from };
    if (this.options.transport === "websocket") return this.#messages(cursor, query, tell, retry, alive, signal);
    const response = await this.#get(this.#events, "text/event-stream", query, signal);
    const parse = parser(cursor, (message) => signal.aborted || tell(message), retry);
    const reader = response.body!.getReader();
    const decoder = new TextDecoder();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      alive();
      parse(decoder.decode(value, { stream: true }));
    }
  }

  /** The same, by a WebSocket. Its code is fetched by those who want it. */
  async #messages(id: string, query: Query, tell: (message: Message) => void, retry: (ms: number) => void, alive: () => void, signal: AbortSignal) {
    const headers = await this.options.headers?.();
    const { read } = await import("./socket.js");
    const take = (said: Answered) => (alive(), tell(message(said)));
    const status = await read(asking(this.#events, query), headers, id, take, retry, signal);
    if (status) throw new Refused(status, 0);
  }

  /** The cursor that a stream begun as the options say starts from. */
  async begin(signal: AbortSignal): Promise<string> {
    const known = child(signal);
    let id = "";
    const tell = (message: Message) => {
      if (message.type !== "sluice.hello") return;
      id = message.id;
      known.abort();
    };
    const nothing = () => {};
    await this.stream("", tell, nothing, nothing, known.signal).catch(nothing);
    known.abort();
    return id;
  }

  /** The newest of everything. */
  async state(signal: AbortSignal): Promise<State> {
    return this.#json({}, LIMIT, signal);
  }

  /** What came after the cursor, at once, or when there is something, within so many seconds. */
  async poll(cursor: string, wait: number, signal: AbortSignal): Promise<{ cursor: string; stale: boolean; messages: Message[] }> {
    const answer = await this.#json({ cursor, wait: wait + "s" }, LIMIT + 1000 * wait, signal);
    return { cursor: answer.cursor, stale: !!answer.stale, messages: answer.events.map(message) };
  }

  async #json(query: Record<string, string>, limit: number, signal: AbortSignal) {
    const end = child(signal);
    const timer = setTimeout(() => end.abort(), limit);
    try {
      const response = await this.#get(this.#state, "application/json", query, end.signal);
      const answer = await response.json();
      end.signal.throwIfAborted();
      return answer;
    } finally {
      clearTimeout(timer);
      end.abort();
    }
  }
}

/** An event in JSON, as polls and WebSockets have it. */
export interface Answered {
  id: string;
  event?: string;
  data?: unknown;
  text?: string;
}

/** The stream has the payload itself; a poll has it as data where it is JSON, else as text. */
function message({ id, event, data, text }: Answered): Message {
  return { id, type: event || "message", data: text ?? JSON.stringify(data) };
}
