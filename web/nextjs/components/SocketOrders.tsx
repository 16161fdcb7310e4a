"use client";

import { useCallback, useRef, useState } from "react";
import useWebSocket from "react-use-websocket";
import { apply, type Orders, ordersOf } from "@/lib/order";
import type { Start } from "@/lib/sluice";
import { Connection, type Status } from "./Connection";
import { renewLogin } from "./login";
import { OrderRows } from "./OrderRows";

/** The same list over a WebSocket, by react-use-websocket. Its heartbeat notices a connection that is dead without having closed. */
export function SocketOrders({ url, user, start }: { url: string; user: string; start: Start }) {
  const [orders, setOrders] = useState<Orders>(start.orders);
  const [status, setStatus] = useState<Status>("connecting");
  const next = useRef({ id: start.cursor, wait: 0, reset: false, refused: false }); // what the next connection begins with

  // Called for each connection, so each begins at the newest id.
  const address = useCallback(async () => {
    const begin = next.current;
    const events = new URL(url, location.href);
    if (begin.refused) await renewLogin(user).catch(() => {}); // else the next connection is refused too
    const state = begin.reset && (await stateOf(events));
    if (state) {
      setOrders(ordersOf(state.events));
      begin.id = state.cursor;
    }
    begin.reset = begin.refused = false;
    events.searchParams.set("lastEventId", begin.id);
    events.protocol = events.protocol.replace("http", "ws");
    return events.href;
  }, [url, user]);

  const { getWebSocket } = useWebSocket(address, {
    protocols: "sluice.v1",
    heartbeat: { message: "ping", returnMessage: "pong", interval: 5_000, timeout: 30_000 },
    onMessage: ({ data: text }) => {
      if (text === "pong") return;
      const { id, event, data } = JSON.parse(text);
      if (id) next.current.id = id;
      if (event === "sluice.hello") setStatus("live");
      else if (event === "sluice.reset") {
        next.current.reset = true; // events are gone: the next connection begins with the state
        getWebSocket()?.close();
      } else if (event === "sluice.closing" || event === "sluice.unavailable") {
        next.current.wait = data.retry_ms;
        if (data.reason === "expiring") renewLogin(user).catch(() => {});
      } else if (!event?.startsWith("sluice.")) setOrders((orders) => apply(orders, data));
    },
    onClose: ({ code }) => {
      next.current.refused = code === 4401;
      setStatus("connecting");
    },
    shouldReconnect: () => true,
    reconnectAttempts: Number.POSITIVE_INFINITY,
    reconnectInterval: (tries) => {
      const named = next.current.wait;
      next.current.wait = 0;
      return named || Math.min(4_000 * 2 ** tries, 60_000) * (0.25 + 0.75 * Math.random());
    },
  });

  return (
    <>
      <Connection status={status} />
      <OrderRows orders={orders} testid="orders" />
    </>
  );
}

/** The state of what a connection follows; undefined if it can't be had now. */
async function stateOf(events: URL) {
  const answer = await fetch(events.href.replace("/ws?", "/state?"), { credentials: "include", cache: "no-store" }).catch(() => undefined);
  return answer?.ok ? answer.json().catch(() => undefined) : undefined;
}
