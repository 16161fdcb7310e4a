"use client";

import { useEffect, useState } from "react";
import { apply, type Orders } from "@/lib/order";
import type { Start } from "@/lib/sluice";
import { Connection, type Status } from "./Connection";
import { renewLogin } from "./login";
import { OrderRows } from "./OrderRows";

/** The same list with nothing but the browser's own EventSource. */
export function PlainOrders({ url, user, start }: { url: string; user: string; start: Start }) {
  const [orders, setOrders] = useState<Orders>(start.orders);
  const [status, setStatus] = useState<Status>("connecting");
  useEffect(() => {
    let source: EventSource, timer: ReturnType<typeof setTimeout>;
    let last = start.cursor; // the place that the page was rendered at, then the place reached
    const open = () => {
      source = new EventSource(`${url}&lastEventId=${encodeURIComponent(last)}`, { withCredentials: true });
      const on = (type: string, act: (event: MessageEvent) => void) =>
        source.addEventListener(type, (event) => {
          last = event.lastEventId;
          act(event);
        });
      on("order.placed", ({ data }) => setOrders((orders) => apply(orders, JSON.parse(data))));
      on("order.confirmed", ({ data }) => setOrders((orders) => apply(orders, JSON.parse(data))));
      on("sluice.hello", () => setStatus("live"));
      on("sluice.heartbeat", () => {}); // moves the place, too
      on("sluice.closing", () => renewLogin(user).catch(() => {})); // it may be the login that ends
      on("sluice.reset", () => location.reload()); // events are gone for good: render the page anew
      source.onerror = () => {
        setStatus("connecting");
        if (source.readyState === EventSource.CLOSED) timer = setTimeout(open, 5_000); // a 401, or a proxy's 502
      };
    };
    open();
    return () => {
      source.close();
      clearTimeout(timer);
    };
  }, [url, user, start]);
  return (
    <>
      <Connection status={status} />
      <OrderRows orders={orders} testid="orders" />
    </>
  );
}
