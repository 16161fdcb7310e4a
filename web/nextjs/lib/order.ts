/** What Kafka's records say about an order: when it is placed, when it is confirmed, and when the customer has mail about that. */
export interface Order {
  orderId: string;
  user: string;
  status: "placed" | "confirmed";
  item: string;
  total: number; // EUR
  type: "order.placed" | "order.confirmed" | "order.mailed";
  mailed?: boolean;
}

/** The order that a record's value is, or undefined: anybody may have written to the topic. */
export function asOrder(value: unknown): Order | undefined {
  const order = value as Partial<Order> | null;
  const known =
    typeof order === "object" &&
    typeof order?.orderId === "string" &&
    typeof order.user === "string" &&
    typeof order.item === "string" &&
    typeof order.total === "number" &&
    (order.status === "placed" || order.status === "confirmed");
  return known ? (order as Order) : undefined;
}

/** The same, of the text of one. */
export function parseOrder(text: string): Order | undefined {
  try {
    return asOrder(JSON.parse(text));
  } catch {
    return undefined;
  }
}

export function confirmed(order: Order): Order {
  return { ...order, status: "confirmed", type: "order.confirmed" };
}

export function mailed(order: Order): Order {
  return { ...order, mailed: true, type: "order.mailed" };
}

/** An order as a page shows it. */
export interface Shown extends Order {
  events: number; // that came live since the page was rendered
}

/** What a page shows: orders, the newest first. */
export interface Orders {
  list: Shown[];
  applied: number; // events that came live since the page was rendered
}

/** What a page shows of a state: events are the newest of each order, and time is when it was written. */
export function ordersOf(events: { time: string; data?: unknown }[]): Orders {
  const list = events
    .toSorted((a, b) => b.time.localeCompare(a.time))
    .flatMap(({ data }) => {
      const order = asOrder(data);
      return order ? [{ ...order, events: 0 }] : [];
    });
  return { list, applied: 0 };
}

/** What a page shows after one more event. A new order comes first; one that is known keeps its place. What is no order changes nothing. */
export function apply(orders: Orders, data: unknown): Orders {
  const order = asOrder(data);
  if (!order) return orders;
  const known = orders.list.find(({ orderId }) => orderId === order.orderId);
  const shown = { ...order, events: (known?.events ?? 0) + 1 };
  return {
    list: known ? orders.list.map((old) => (old === known ? shown : old)) : [shown, ...orders.list],
    applied: orders.applied + 1,
  };
}
