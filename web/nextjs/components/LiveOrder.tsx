"use client";

import { useRouter } from "next/navigation";
import { useEffect, useRef } from "react";
import type { Shown } from "@/lib/order";
import { money } from "@/lib/products";
import type { Start } from "@/lib/sluice";
import { Connection } from "./Connection";
import { LoginEnded } from "./LoginEnded";
import { renewLogin } from "./login";
import { useConfirmed } from "./OrderRows";
import { useOrders } from "./useOrders";

const LOOK = 2_500; // ms that the success message is there before the page goes on

interface Props {
  orderId: string;
  url: string;
  start: Start | undefined;
  /** The customer; absent: a guest. */
  user?: string;
  /** The order has just been placed: from its confirmation the page goes on to the list. */
  placed?: boolean;
  stay?: boolean;
}

/** One order, until it is confirmed and after. */
export function LiveOrder({ orderId, url, start, user, placed, stay }: Props) {
  const router = useRouter();
  const { orders, status, ended } = useOrders({
    url,
    user,
    start,
    // A guest's ticket is the server's to renew: the page is rendered anew, with another one.
    renew: async () => {
      if (user) return renewLogin(user);
      router.refresh();
      return true;
    },
  });
  const order = orders.list.find((order) => order.orderId === orderId);
  const leave = Boolean(user && !stay && order?.status === "confirmed" && (placed || order.events > 0));
  useEffect(() => {
    if (!leave) return;
    const timer = setTimeout(() => router.push(`/orders?${new URLSearchParams({ confirmed: orderId })}`), LOOK);
    return () => clearTimeout(timer);
  }, [leave, orderId, router]);
  return (
    <>
      <Connection status={status} />
      {ended && <LoginEnded />}
      {order ? <Card order={order} leave={leave} /> : <p className="quiet">Waiting for the order to arrive.</p>}
    </>
  );
}

function Card({ order, leave }: { order: Shown; leave: boolean }) {
  const status = useRef<HTMLElement>(null);
  useConfirmed(status, order);
  return (
    <>
      <dl className="card">
        <dt>Order</dt>
        <dd className="id">{order.orderId}</dd>
        <dt>Item</dt>
        <dd>{order.item}</dd>
        <dt>Total</dt>
        <dd>{money(order.total)}</dd>
        <dt>Status</dt>
        <dd>
          <strong
            ref={status}
            className={`status ${order.status}`}
            data-testid="status"
            data-order={order.orderId}
            data-events={order.events}
          >
            {order.status}
          </strong>
        </dd>
        {order.mailed && (
          <>
            <dt>E-mail</dt>
            <dd data-testid="mail">mail sent</dd>
          </>
        )}
      </dl>
      <div role="status">
        {order.status === "confirmed" && (
          <p className="success" data-testid="success">
            Thank you! Your order is confirmed.
            {leave && (
              <>
                {" "}
                Going on to your orders … <a href="?stay=1">Stay here</a>
              </>
            )}
          </p>
        )}
      </div>
    </>
  );
}
