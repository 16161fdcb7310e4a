"use client";

import { useSluice } from "@sluice/client/react";
import { useEffect, useState } from "react";
import { apply, type Orders, ordersOf } from "@/lib/order";
import type { Start } from "@/lib/sluice";

export interface OrdersOptions {
  /** Where the events are. */
  url: string;
  /** Whose page it is: all of his tabs that show the same share one connection. Absent: a page without a login. */
  user?: string;
  /** What the server rendered the page from. */
  start: Start | undefined;
  /** Gets a new credential. False: there is none to be had. */
  renew: () => Promise<boolean>;
}

const nothing: Orders = { list: [], applied: 0 };

/** Orders as the server knew them, and then as they change. ended: the login has, and the page waits for a new one. */
export function useOrders({ url, user, start, renew }: OrdersOptions) {
  const [ended, setEnded] = useState(false);
  const { value, status } = useSluice<Orders>({
    url,
    user,
    cursor: start?.cursor,
    credentials: "include", // the gateway may have an origin of its own
    initial: start?.orders ?? nothing,
    reduce: (orders, event) => apply(orders, data(event)),
    restate: ({ events }) => ordersOf(events),
    renew: async () => {
      const renewed = await renew();
      setEnded(!renewed);
      if (!renewed) throw new Error("the login has ended");
    },
  });
  useEffect(() => {
    if (status === "live") setEnded(false); // another tab has logged in
  }, [status]);
  // The gateway says ten seconds ahead that a login ends. Until it has, another tab may log in.
  return { orders: value, status, ended: ended && status === "offline" };
}

function data(event: { json(): unknown }): unknown {
  try {
    return event.json();
  } catch {
    return undefined; // no JSON, so no order
  }
}
