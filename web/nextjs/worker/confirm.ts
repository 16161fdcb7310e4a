import { confirmed, type Order, parseOrder } from "../lib/order.ts";

/** A record, as far as it matters here. */
export interface Placed {
  value: string | undefined;
  timestamp: bigint; // ms
}

/**
 * What is to be written because of a record, and when (ms since 1970); undefined if nothing is. Each confirmation comes
 * a while after its own order and not after the one before, so that a hundred orders at once don't wait for each other.
 */
export function answer({ value, timestamp }: Placed, delay: number): { order: Order; at: number } | undefined {
  const order = parseOrder(value ?? "");
  if (order?.status !== "placed") return undefined; // confirmations come by here too
  return { order: confirmed(order), at: Number(timestamp) + delay };
}
