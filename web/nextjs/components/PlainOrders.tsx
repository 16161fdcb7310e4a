"use client";

import { useEffect, useState } from "react";
import { apply, type Orders, ordersOf, parseOrder } from "@/lib/order";
import type { Start } from "@/lib/sluice";
import { follow } from "../../docs/follow.js"; // a file to copy; the gateway serves it at /docs/follow.js
import { Connection, type Status } from "./Connection";
import { renewLogin } from "./login";
import { OrderRows } from "./OrderRows";

/** The same list with nothing but the browser's own EventSource, and follow.js to open the next one. */
export function PlainOrders({ url, user, start }: { url: string; user: string; start: Start }) {
  const [orders, setOrders] = useState<Orders>(start.orders);
  const [status, setStatus] = useState<Status>("connecting");
  useEffect(() => {
    const take = ({ data }: MessageEvent) => setOrders((orders) => apply(orders, parseOrder(data)));
    return follow(url, {
      cursor: start.cursor, // the place that the page was rendered at
      on: { "order.placed": take, "order.confirmed": take, "order.mailed": take, "sluice.hello": () => setStatus("live") },
      waiting: () => setStatus("connecting"),
      state: url.replace("/events?", "/state?"),
      show: ({ events }) => setOrders(ordersOf(events)), // events are gone: the orders as they stand now
      renew: () => renewLogin(user),
      withCredentials: true, // the gateway may have an origin of its own
    });
  }, [url, user, start]);
  return (
    <>
      <Connection status={status} />
      <OrderRows orders={orders} testid="orders" />
    </>
  );
}
