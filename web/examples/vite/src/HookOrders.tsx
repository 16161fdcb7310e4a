import { useSluice } from "@sluice/client/react";
import { List } from "./List";
import { type Order, type Orders, ordersOf, url, user, withOrder } from "./order";

/** The hook that comes with the client. */
export function HookOrders() {
  const { value, status } = useSluice<Orders, Record<string, Order>>({
    url,
    user,
    initial: {},
    reduce: (orders, event) => withOrder(orders, event.json()),
    restate: ordersOf, // at the start, and after a reset
  });
  return <List id="hook" title="useSluice" orders={Object.values(value)} status={status} />;
}
