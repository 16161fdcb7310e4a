"use client";

import { useEffect, useReducer, useRef } from "react";
import { connect, type Options, type SluiceEvent } from "./client.js";
import type { Status } from "./place.js";
import type { State } from "./wire.js";

export type { SluiceEvent, State, Status };

export interface LiveOptions<V, E> extends Options {
  /** The value that the server rendered the page from; cursor says where it is true. */
  initial: V;
  /** The value after an event. Like every reducer it returns a new value and leaves the old one alone. */
  reduce: (value: V, event: SluiceEvent<E>) => V;
  /** The value of a whole new state: at the start, if there is no cursor, and after a reset. Absent: no state is asked for. */
  restate?: ((state: State<E>) => V) | undefined;
}

export interface Live<V> {
  value: V;
  status: Status;
}

/**
 * A value that follows the stream, and how the stream is. On the server, and in the first render of the page, it is what
 * the server knew. When url, state, user or from change it begins anew, with the initial and the cursor
 * of that render; other options may change at any time and don't disturb the stream.
 */
export function useSluice<V, E = unknown>(options: LiveOptions<V, E>): Live<V> {
  const [live, change] = useReducer((old: Live<V>, to: (old: Live<V>) => Live<V>) => to(old), {
    value: options.initial,
    status: "connecting",
  });
  const latest = useRef(options);
  useEffect(() => {
    latest.current = options;
  });
  const { url, state, user, from } = options;
  const stream = JSON.stringify([url, state, user, from]);
  const place = useRef({ stream, cursor: options.cursor });
  useEffect(() => {
    const { initial, reduce: _, restate, cursor, ...rest } = latest.current;
    if (place.current.stream !== stream) {
      place.current = { stream, cursor };
      change(() => ({ value: initial, status: "connecting" }));
    }
    const client = connect<Record<string, E>>({
      ...rest,
      cursor: place.current.cursor,
      headers: () => latest.current.headers?.() ?? {},
      renew: rest.renew && (() => latest.current.renew?.()),
    });
    client.on("*", (event) => change((old) => ({ ...old, value: latest.current.reduce(old.value, event) })));
    client.on("sluice.status", ({ data }) => change((old) => ({ ...old, status: data })));
    if (restate) {
      client.on("sluice.state", (event) => {
        const state = event.json();
        change((old) => ({ ...old, value: (latest.current.restate ?? restate)(state) }));
      });
    }
    return () => {
      // React may undo an effect and do it again (Strict Mode): it goes on from here, since the value does.
      place.current.cursor = client.cursor || place.current.cursor;
      client.close();
    };
  }, [stream]);
  return live;
}
