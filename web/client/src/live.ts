import type { AnyEvent, Client, SluiceEvent } from "./client.js";
import type { Reason, Status } from "./place.js";
import type { State } from "./wire.js";

export interface Live<V, S extends string = Status> {
  value: V;
  /** The position at which the value is true; "" before there is one. Opaque. */
  cursor: string;
  status: S;
  /** Why the status is what it is, where there is something to say. */
  reason?: Reason | undefined;
  /** What reduce or restate threw last, until a restate succeeds. The value is the one before. */
  error?: unknown;
}

/** How events become a value. E maps the names of events to what their data is. */
export interface Folding<V, E> {
  /** The value after an event. Like every reducer it returns a new value and leaves the old one alone. */
  reduce: (value: V, event: AnyEvent<E>) => V;
  /** The value of a whole new state: at the start, if there is no cursor, and after a reset. Absent: no state is asked for. */
  restate?: ((state: State<E[keyof E]>) => V) | undefined;
  /** Told what reduce or restate threw, and at which event: a payload that isn't JSON, for example. Default: console.error. */
  onError?: ((error: unknown, event: SluiceEvent) => void) | undefined;
}

/**
 * Has a value follow a client, and shows each that is new. What the page's functions throw costs that event only: it is
 * caught here and not in React, which would take the whole page down. latest returns the functions to use.
 */
export function follow<V, E>(client: Client<E>, start: Live<V>, latest: () => Folding<V, E>, show: (live: Live<V>) => void) {
  let live = start;
  const become = (change: Partial<Live<V>>) => show((live = { ...live, ...change, cursor: client.cursor }));
  const tried = (event: SluiceEvent, change: () => Partial<Live<V>>) => {
    let changed: Partial<Live<V>>;
    try {
      changed = change();
    } catch (error) {
      become({ error });
      const { onError = console.error } = latest();
      onError(error, event);
      return;
    }
    become(changed);
  };
  client.on("*", (event) => tried(event as SluiceEvent, () => ({ value: latest().reduce(live.value, event as AnyEvent<E>) })));
  client.on("sluice.status", ({ data, reason }) => become({ status: data, reason }));
  const { restate } = latest();
  if (!restate) return;
  client.on("sluice.state", (event) =>
    tried(event as SluiceEvent, () => ({ value: (latest().restate ?? restate)(event.json() as State<E[keyof E]>), error: undefined })),
  );
}
