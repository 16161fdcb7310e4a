import "server-only";
import { type State, state, startAt as stateWith, ticket } from "@sluice/client/server";
import { headers } from "next/headers";
import { sluiceAPIKey, sluicePublicURL, sluiceURL } from "./env.ts";
import { type Orders, ordersOf } from "./order.ts";

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
  return begin(state(await asking(query)));
}

/**
 * The same for the page of one order. The gateway may be a moment behind Kafka: an order which has just been placed is
 * waited for, for a moment.
 */
export async function startAt(orderId: string, query: Record<string, string>): Promise<Start | undefined> {
  return begin(stateWith({ ...(await asking(query)), until: orderId }));
}

/** A ticket with which a browser may follow one order, without a login. */
export async function ticketFor(orderId: string): Promise<string | undefined> {
  const made = await answered(
    "/tickets",
    ticket({ gateway: sluiceURL(), key: sluiceAPIKey(), stream: "orders", subject: orderId, ttl: "30m" }),
  );
  return made?.ticket;
}

const asking = async (query: Record<string, string>) => ({
  gateway: sluiceURL(),
  query,
  headers: { cookie: (await headers()).get("cookie") ?? "" },
});

async function begin(asked: Promise<State>): Promise<Start | undefined> {
  const now = await answered("/state", asked);
  return now && { orders: ordersOf(now.events), cursor: now.cursor };
}

/** Without the gateway a page is shown all the same. */
async function answered<A>(route: string, asked: Promise<A>): Promise<A | undefined> {
  try {
    return await asked;
  } catch (error) {
    console.error(`sluice: ${route}: ${error}`);
    return undefined;
  }
}
