"use client";

import { useEffect, useRef, useState } from "react";
import { type AnyEvent, connect, type Options, type SluiceEvent } from "./client.js";
import { type Folding, follow, type Live } from "./live.js";
import type { Reason, Status } from "./place.js";
import type { State } from "./wire.js";

export type { AnyEvent, Live, Reason, SluiceEvent, State, Status };

export interface LiveOptions<V, E> extends Options, Folding<V, E> {
  /** The value that the server rendered the page from; cursor says where it is true. */
  initial: V;
}

/**
 * A value that follows the stream, and how the stream is. On the server, and in the first render of the page, it is what
 * the server knew. When url, state, user or from change it begins anew, with the initial and the cursor
 * of that render; other options may change at any time and don't disturb the stream. E maps the names of events to
 * what their data is, as connect's.
 */
export function useSluice<V, E = Record<string, unknown>>(options: LiveOptions<V, E>): Live<V> {
  const [live, show] = useState<Live<V>>({ value: options.initial, status: "connecting" });
  const latest = useRef(options);
  useEffect(() => {
    latest.current = options;
  });
  const { url, state, user, from } = options;
  const stream = JSON.stringify([url, state, user, from]);
  const place = useRef({ stream, cursor: options.cursor, live });
  useEffect(() => {
    const { initial, reduce: _, restate: __, onError: ___, cursor, ...rest } = latest.current;
    if (place.current.stream !== stream) {
      place.current = { stream, cursor, live: { value: initial, status: "connecting" } };
      show(place.current.live);
    }
    const client = connect<E>({
      ...rest,
      cursor: place.current.cursor,
      headers: () => latest.current.headers?.() ?? {},
      renew: rest.renew && (() => latest.current.renew?.()),
    });
    follow(client, place.current.live, () => latest.current, (live) => show((place.current.live = live)));
    return () => {
      // React may undo an effect and do it again (Strict Mode): it goes on from here, since the value does.
      place.current.cursor = client.cursor || place.current.cursor;
      client.close();
    };
  }, [stream]);
  return live;
}
