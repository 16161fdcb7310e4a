import "server-only";
import type { State } from "@sluice/client";
import { headers } from "next/headers";
import { sluiceAPIKey, sluicePublicURL, sluiceURL } from "./env.ts";
import { apply, type Orders, ordersOf, settled } from "./order.ts";

/** What a page is rendered from, and the place in the stream at which that was true: the page goes on from there. */
export interface Start {
  orders: Orders;
  cursor: string;
}

/** Where a browser finds a stream: behind the shop's own origin, or at the gateway's. */
export const eventsURL = (query: Record<string, string>) => `${sluicePublicURL()}/events?${new URLSearchParams(query)}`;

/** The same as messages of a WebSocket. A page makes it ws: or wss:, as it was loaded. */
export const socketURL = (query: Record<string, string>) => `${sluicePublicURL()}/ws?${new URLSearchParams(query)}`;

/**
 * The caller's orders as they stand, by his own cookie: the gateway decides what he may see. Undefined if the gateway
 * doesn't answer; the page then asks for the state itself, and as often as it takes.
 */
export async function start(query: Record<string, string>): Promise<Start | undefined> {
  const state = await ask(query);
  return state && { orders: ordersOf(state.events), cursor: state.cursor };
}

/**
 * The same for the page of one order. The gateway may be a moment behind Kafka: a state that doesn't have an order which
 * has just been placed is followed, for a moment, to where it does.
 */
export async function startAt(orderId: string, query: Record<string, string>): Promise<Start | undefined> {
  const from = await start(query);
  if (!from) return undefined;
  let { orders, cursor } = from;
  for (const end = Date.now() + 3_000; !has(orders, orderId) && Date.now() < end; ) {
    const later = await ask({ ...query, cursor, wait: "1s" });
    if (!later) break;
    orders = later.events.reduce((sum, { data }) => apply(sum, data), orders);
    cursor = later.cursor;
  }
  return { orders: settled(orders), cursor };
}

const has = (orders: Orders, orderId: string) => orders.list.some((order) => order.orderId === orderId);

async function ask(query: Record<string, string>): Promise<State | undefined> {
  const cookie = (await headers()).get("cookie") ?? "";
  try {
    const response = await fetch(`${sluiceURL()}/state?${new URLSearchParams(query)}`, {
      headers: { cookie },
      cache: "no-store",
      signal: AbortSignal.timeout(5_000),
    });
    if (response.ok) return await response.json();
    console.error(`sluice: /state answered ${response.status}`);
  } catch (error) {
    console.error(`sluice: /state: ${error}`);
  }
  return undefined;
}

/** A ticket with which a browser may follow one order, without a login. */
export async function ticketFor(orderId: string): Promise<string | undefined> {
  try {
    const response = await fetch(`${sluiceURL()}/tickets`, {
      method: "POST",
      headers: { authorization: `Bearer ${sluiceAPIKey()}` },
      body: JSON.stringify({ stream: "orders", subject: orderId, ttl: "30m" }),
      cache: "no-store",
      signal: AbortSignal.timeout(5_000),
    });
    if (response.ok) return (await response.json()).ticket;
    console.error(`sluice: /tickets answered ${response.status}`);
  } catch (error) {
    console.error(`sluice: /tickets: ${error}`);
  }
  return undefined;
}
