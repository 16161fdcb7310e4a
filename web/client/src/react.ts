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
  /** false: there is no connection, for a guest, or until there is a url. Default true. */
  enabled?: boolean | undefined;
}

interface Shown<V> {
  stream: string;
  live: Live<V>;
}

const first = <V>({ initial, cursor = "" }: { initial: V; cursor?: string | undefined }): Live<V> => ({ value: initial, cursor, status: "connecting" });

/**
 * A value that follows the stream, and how the stream is. On the server, and in the first render of the page, it is what
 * the server knew. When url, state, user or from change it begins anew, with the initial and the cursor
 * of that render; other options may change at any time and don't disturb the stream. While enabled is false the value stays as it
 * is, and then it goes on from there. What has not begun yet is the initial of each render. E maps the names of events to
 * what their data is, as connect's.
 */
export function useSluice<V, E = Record<string, unknown>>(options: LiveOptions<V, E> & { enabled?: true | undefined }): Live<V>;
/** The same, with the status "disabled" while enabled is false. */
export function useSluice<V, E = Record<string, unknown>>(options: LiveOptions<V, E>): Live<V, Status | "disabled">;
export function useSluice<V, E>(options: LiveOptions<V, E>): Live<V, Status | "disabled"> {
  const { url, state, user, from, enabled = true } = options;
  const stream = JSON.stringify([url, state, user, from]);
  const [shown, show] = useState<Shown<V> | undefined>(() => (enabled ? { stream, live: first(options) } : undefined));
  const latest = useRef(options);
  useEffect(() => {
    latest.current = options;
  });
  const last = useRef(shown);
  useEffect(() => {
    const { initial: _, enabled: __, reduce: ___, restate: ____, onError: _____, ...rest } = latest.current;
    let at = last.current;
    if (enabled && at?.stream !== stream) at = { stream, live: first(latest.current) };
    const become = (next: Shown<V> | undefined) => show((last.current = next));
    become(at);
    if (!enabled || !at) return;
    const client = connect<E>({
      ...rest,
      cursor: at.live.cursor || undefined,
      headers: () => latest.current.headers?.() ?? {},
      renew: rest.renew && (() => latest.current.renew?.()),
    });
    follow(client, at.live, () => latest.current, (live) => become({ stream, live }));
    return () => {
      client.close();
      // It may go on from here, since the value does: React undoes an effect and does it again (Strict Mode), or enabled changes.
      const { live } = last.current!;
      last.current = { stream, live: { ...live, cursor: client.cursor || live.cursor, status: "connecting", reason: undefined } };
    };
  }, [stream, enabled]);
  const live = shown?.stream === stream ? shown.live : first(options);
  return enabled ? live : { ...live, status: "disabled", reason: undefined };
}
