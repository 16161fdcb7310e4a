"use client";

import { useEffect, useRef } from "react";
import type { Orders, Shown } from "@/lib/order";
import { money } from "@/lib/products";

/** Orders as a list. */
export function OrderRows({ orders, testid, owners }: { orders: Orders; testid: string; owners?: boolean }) {
  return (
    <>
      <ul className="orders" data-testid={testid}>
        {orders.list.map((order) => (
          <Row key={order.orderId} order={order} owner={owners} />
        ))}
      </ul>
      {orders.list.length === 0 && <p className="quiet">Nothing yet.</p>}
      <p className="quiet">
        <span data-testid="applied">{orders.applied}</span> {orders.applied === 1 ? "event" : "events"} since this page was opened.
      </p>
    </>
  );
}

function Row({ order, owner }: { order: Shown; owner?: boolean }) {
  const row = useRef<HTMLLIElement>(null);
  useConfirmed(row, order);
  return (
    <li ref={row} data-order={order.orderId} data-status={order.status} data-events={order.events} data-mailed={order.mailed}>
      <span className="item">{order.item}</span>
      <span className="total">{money(order.total)}</span>
      <span className="quiet">
        <span className="id">{order.orderId}</span>
        {order.mailed && " · mail sent"}
        {owner && ` · ${order.user.startsWith("guest:") ? "a guest" : order.user}`}
      </span>
      <span className={`status ${order.status}`}>{order.status}</span>
    </li>
  );
}

/** Notes when an order's text turned to confirmed: data-at on its element, and a mark in the browser's timeline. */
export function useConfirmed(element: React.RefObject<HTMLElement | null>, { orderId, status, events }: Shown) {
  const live = status === "confirmed" && events > 0;
  useEffect(() => {
    if (!live || !element.current) return;
    element.current.dataset.at = String(Date.now());
    performance.mark(`confirmed:${orderId}`);
  }, [element, live, orderId]);
}
