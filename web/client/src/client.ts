import type { Message } from "./parse.js";
import { type Place, type Reason, RESET, STATE, type Status, type Step } from "./place.js";
import { Reader } from "./reader.js";
import { Tabs } from "./tabs.js";
import { type State, Wire, type WireOptions } from "./wire.js";

export interface Options extends WireOptions {
  /**
   * Whose page this is. It names what tabs share: with it, all tabs of one user and URL hold one connection. Without it,
   * nothing is shared and nothing is stored, for the next to use this browser may be another.
   */
  user?: string | undefined;
  /** Begin where the user's last page left off (localStorage), if there is no cursor and no state is listened to. */
  resume?: boolean | undefined;
  /** Renews the login: called when it is about to end and when the gateway refuses it. Rejects if it can't be done. */
  renew?: (() => unknown) | undefined;
}

/** An event, as EventSource has it. T is what its data is as JSON, K its name. */
export interface SluiceEvent<T = unknown, K extends string = string> {
  readonly type: K;
  readonly data: string;
  /** The position after it, opaque. */
  readonly id: string;
  /** The data as JSON. Throws where it is none: anybody may have written it. */
  json(): T;
}

/** What can't be told any more, and why. */
export interface Reset {
  reason: string;
  stream: string;
  partitions: { partition: number; from: number; to: number }[];
}

/** The stream ends now or, with reason expiring, in ends_in_ms. The client comes back by itself. */
export interface Closing {
  reason: string;
  retry_ms?: number;
  ends_in_ms?: number;
}

/** Kafka has not answered the gateway since: nothing new can come. */
export interface Stale {
  since: string;
}

/** The events that are not records. */
export interface OwnEvents<T = unknown> {
  /** data is the status there is now, reason why, where there is something to say. It isn't JSON. */
  "sluice.status": SluiceEvent<never> & { readonly data: Status; readonly reason?: Reason };
  /** All that is shown is to be replaced: at the start, if there is no cursor, and after a reset. */
  "sluice.state": SluiceEvent<State<T>>;
  /** Events are gone. Whoever listens to sluice.state is given a state next. */
  "sluice.reset": SluiceEvent<Reset>;
  "sluice.closing": SluiceEvent<Closing>;
  "sluice.stale": SluiceEvent<Stale>;
}

/** An event of a map of them, which its type narrows. */
export type AnyEvent<E> = { [K in keyof E & string]: SluiceEvent<E[K], K> }[keyof E & string];

type EventOf<E, K> = K extends keyof OwnEvents ? OwnEvents<E[keyof E]>[K] : K extends keyof E & string ? SluiceEvent<E[K], K> : AnyEvent<E>;
type NameOf<E> = (keyof E & string) | keyof OwnEvents | "*";

/** A page's end of the stream. E maps the names of events to what their data is. */
export interface Client<E = Record<string, unknown>> {
  readonly status: Status;
  /** Why the status is what it is, where there is something to say. */
  readonly reason: Reason | undefined;
  /** The position reached: everything up to it has been told. */
  readonly cursor: string;
  /**
   * Calls listener for each event of a name, or with "*" for every record's event, until the function returned is called.
   * Listeners added in the same task as connect miss nothing.
   */
  on<K extends NameOf<E>>(type: K, listener: (event: EventOf<E, K>) => void): () => void;
  /** Ends it. forget: also the place that resume stored, for a logout. */
  close(options?: { forget?: boolean }): void;
}

/** Opens the stream, and keeps it open until close. */
export function connect<E = Record<string, unknown>>(options: Options = {}): Client<E> {
  return new Page(options) as unknown as Client<E>;
}

type Listener = (event: SluiceEvent) => void;

class Page implements Place {
  cursor: string;
  status: Status = "connecting";
  reason: Reason | undefined;

  readonly #listeners = new Map<string, Set<Listener>>();
  readonly #reader: Reader;
  readonly #tabs: Tabs | undefined;
  readonly #key: string | undefined; // of what is stored
  readonly #closed = new AbortController();
  #running: AbortController | undefined;
  #why: string | undefined; // a reset that has been told to us, and to nobody yet: the state to come says it

  constructor(options: Options) {
    const { user, resume, renew } = options;
    const wire = new Wire(options);
    const name = user && `sluice ${wire.url} ${wire.from ?? ""} ${user}`;
    this.cursor = wire.cursor;
    this.#reader = new Reader(wire, this, renew);
    // Locks are there in secure contexts only. Without them each tab has its own connection.
    if (name && globalThis.navigator?.locks && globalThis.BroadcastChannel) {
      this.#tabs = new Tabs(name, this, wire, (signal) => this.#reader.run(signal));
    }
    if (name && resume) this.#key = name;
    queueMicrotask(() => {
      if (this.#closed.signal.aborted) return;
      if (this.#key && !this.wantsState) this.cursor ||= stored(() => localStorage.getItem(this.#key!)) ?? "";
      this.#watch();
      this.#start();
    });
  }

  get wantsState() {
    return this.#listeners.has(STATE);
  }

  get needsState() {
    return this.wantsState && (!this.cursor || this.#why !== undefined);
  }

  on(type: string, listener: Listener) {
    const listeners = this.#listeners.get(type) ?? new Set();
    this.#listeners.set(type, listeners.add(listener));
    return () => {
      listeners.delete(listener);
      if (!listeners.size && this.#listeners.get(type) === listeners) this.#listeners.delete(type);
    };
  }

  close({ forget = false } = {}) {
    this.#closed.abort();
    this.#running?.abort();
    if (forget && this.#key) stored(() => localStorage.removeItem(this.#key!));
  }

  take(step: Step) {
    if (step.type === RESET && this.wantsState) {
      this.#why = step.data;
      return;
    }
    if (step.type === STATE) {
      step = { why: this.#why, ...step };
      this.#why = undefined;
    }
    this.#tabs?.say(step);
    this.cursor = step.id;
    if (step.why) this.#emit({ ...step, type: RESET, data: step.why });
    this.#emit(step);
    if (this.#key) stored(() => localStorage.setItem(this.#key!, step.id));
  }

  show(status: Status, reason?: Reason) {
    if (status === this.status && reason === this.reason) return;
    this.status = status;
    this.reason = reason;
    this.#tabs?.show(status, reason);
    this.#emit({ id: this.cursor, type: "sluice.status", data: status }, reason && { reason });
  }

  #emit({ id, type, data }: Message, more?: { reason: Reason }) {
    if (data === undefined) return;
    const event = { type, data, id, json: () => JSON.parse(data), ...more };
    const all = type.startsWith("sluice.") ? [] : (this.#listeners.get("*") ?? []);
    for (const listener of [...(this.#listeners.get(type) ?? []), ...all]) {
      try {
        listener(event);
      } catch (error) {
        queueMicrotask(() => {
          throw error; // the page's own affair, and no reason to lose the next event
        });
      }
    }
  }

  #start() {
    this.#running = new AbortController();
    (this.#tabs ?? this.#reader).run(this.#running.signal);
  }

  /** Listens to what the browser does to the page, as far as there is one. */
  #watch() {
    const { window, document } = globalThis;
    if (!window) return;
    const when = (target: EventTarget, type: string, act: (event: any) => void) =>
      target.addEventListener(type, act, { signal: this.#closed.signal });
    const stop = () => this.#running?.abort();
    // A page put aside gives its connection, and the lead, to those that are used.
    when(window, "pagehide", stop);
    when(window, "pageshow", (event) => event.persisted && this.#start());
    when(document, "freeze", stop);
    when(document, "resume", () => this.#running?.signal.aborted && this.#start());
    when(window, "online", () => this.#reader.hurry(true));
    when(window, "offline", () => this.#reader.hurry(true));
    when(document, "visibilitychange", () => document.hidden || this.#reader.hurry(false));
  }
}

/** Storage that is full or forbidden is as good as none. */
function stored<T>(use: () => T): T | undefined {
  try {
    return use();
  } catch {
    return undefined;
  }
}
