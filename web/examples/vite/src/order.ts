import type { State } from "@sluice/client";

export interface Order {
  orderId: string;
  shop: string;
  status: string;
}

/** The demo believes ?user=. With a login, the cookie says who is asking. */
export const user = new URLSearchParams(location.search).get("user") ?? "alice";
export const url = "/events?stream=orders&user=" + encodeURIComponent(user);

/** Orders by their ids. */
export type Orders = Record<string, Order>;

export const withOrder = (orders: Orders, order: Order): Orders => ({ ...orders, [order.orderId]: order });

/** A payload that isn't JSON has no data. */
export const ordersOf = (state: State<Order>): Orders =>
  state.events.reduce<Orders>((orders, { data }) => (data ? withOrder(orders, data) : orders), {});
