import type { CollectionConfig, UtilsRecord } from "@tanstack/db";
import { type Client, connect, type Options, type SluiceEvent } from "./client.js";
import { pause, spacing } from "./pause.js";
import type { Reason, Status } from "./place.js";
import type { State } from "./wire.js";

/** An event that may be a row, or the end of one. */
export interface RowEvent {
  /** Its name. A record without a value is "delete". */
  readonly type: string;
  /** Its data as JSON. Throws where it is none. */
  json(): unknown;
}

/** What a collection can be asked beside its rows. */
export interface SluiceUtils extends UtilsRecord {
  /**
   * Resolves when a row comes for which match is true. For a collection's onInsert: call it before the request that writes, and await it after.
   * Rejects after so many milliseconds (default 10000).
   */
  arrived: (match: (row: any) => boolean, timeout?: number) => Promise<void>;
}

export interface SluiceCollectionOptions<T extends object, K extends string | number>
  extends Omit<CollectionConfig<T, K, never, SluiceUtils>, "sync" | "getKey" | "utils"> {
  /**
   * As connect takes them: the stream, and who is asking. With a user all tabs share one connection. Without one the stream itself
   * begins with the rows (`snapshot=1`).
   */
  connect: Omit<Options, "cursor" | "from" | "resume">;
  /** A row's key: the subject of its events. */
  getKey: (row: T) => K;
  /** The row that an event is; undefined: none. Default: its data. */
  row?: ((event: RowEvent) => T | undefined) | undefined;
  /** The key of the row that an event ends; undefined: none. Default: the subject or key that "delete" names. */
  removes?: ((event: RowEvent) => K | undefined) | undefined;
  /** How the stream is. */
  onStatus?: ((status: Status, reason: Reason | undefined) => void) | undefined;
  /** Told what row, removes or getKey threw. Such an event changes nothing. Default: console.error. */
  onError?: ((error: unknown, event: RowEvent) => void) | undefined;
}

const WAIT = 10_000; // ms, for a row to come

/** A record without a value: its event names what is gone. */
function deletion(event: RowEvent): any {
  if (event.type !== "delete") return undefined;
  const { subject, key } = event.json() as { subject: string | null; key: string | null };
  return subject ?? key ?? undefined;
}

/**
 * Options for TanStack DB's createCollection: its rows are the newest event of each subject, and follow the stream. After a
 * reset all rows are replaced at once.
 */
export function sluiceCollectionOptions<T extends object, K extends string | number = string>(
  options: SluiceCollectionOptions<T, K>,
): CollectionConfig<T, K, never, SluiceUtils> & { utils: SluiceUtils } {
  const { connect: wire, row = (event) => event.json() as T, removes = deletion, onStatus, onError = console.error, ...config } = options;
  const awaited = new Set<(row: T) => void>();

  const sync: CollectionConfig<T, K>["sync"]["sync"] = ({ begin, write, commit, markReady, truncate }) => {
    const ended = new AbortController();
    const reset = spacing();
    let client: Client | undefined;
    let coming: Map<K, T> | undefined; // rows of a snapshot that isn't all here
    let began = false; // a transaction, until the end of this task
    let known = false; // there have been rows

    /** Calls act with the key that an event is about, and with its row unless that is gone. */
    const read = (event: RowEvent, act: (key: K, value?: T) => void) => {
      try {
        const gone = removes(event);
        if (gone !== undefined) return act(gone);
        const value = row(event);
        if (value !== undefined) act(options.getKey(value), value);
      } catch (error) {
        onError(error, event);
      }
    };
    const flush = () => {
      if (began) commit();
      began = false;
    };
    const change = (key: K, value?: T) => {
      if (!began) {
        begin();
        queueMicrotask(flush); // what came together is shown together
      }
      began = true;
      write(value ? { type: "update", value } : { type: "delete", key });
      if (value) for (const tell of awaited) tell(value);
    };
    const replace = (rows: Map<K, T>) => {
      flush();
      begin();
      truncate();
      for (const value of rows.values()) {
        write({ type: "update", value });
        for (const tell of awaited) tell(value);
      }
      commit();
      markReady();
      known = true;
    };
    const put = (rows: Map<K, T>) => (key: K, value?: T) => void (value ? rows.set(key, value) : rows.delete(key));

    const open = (shared: boolean) => {
      client?.close();
      coming = undefined;
      if (ended.signal.aborted) return;
      const { url = "/events" } = wire;
      const mine = (client = connect(shared ? wire : { ...wire, url: url + (url.includes("?") ? "&" : "?") + "snapshot=1" }));
      const on = (type: string, listener: (event: SluiceEvent) => void) => mine.on(type as "*", listener);
      mine.on("*", (event) => read(event, coming ? put(coming) : change));
      mine.on("sluice.status", ({ data, reason }) => {
        onStatus?.(data, reason);
        if (!shared && !known && reason === "blocked") open(true); // polls don't begin with rows
      });
      if (shared) {
        mine.on("sluice.state", (event) => {
          const rows = new Map<K, T>();
          for (const { event: type = "message", data, text } of (event.json() as State).events)
            read({ type, json: () => (text === undefined ? data : JSON.parse(text)) }, put(rows));
          replace(rows);
        });
        return;
      }
      on("sluice.snapshot", () => (coming = new Map()));
      on("sluice.hello", () => {
        if (coming) replace(coming);
        coming = undefined;
      });
      on("sluice.reset", () => {
        mine.close();
        pause(reset() || 0, ended.signal).then(() => open(false));
      });
    };
    open(!!wire.user);
    return () => {
      ended.abort();
      client?.close();
    };
  };

  const arrived: SluiceUtils["arrived"] = (match, timeout = WAIT) =>
    new Promise((resolve, reject) => {
      const end = () => (clearTimeout(timer), awaited.delete(tell));
      const timer = setTimeout(() => (end(), reject(new Error("sluice: no such row came"))), timeout);
      const tell = (value: T) => match(value) && (end(), resolve());
      awaited.add(tell);
    });
  return { ...config, sync: { sync, rowUpdateMode: "full" }, utils: { arrived } };
}
