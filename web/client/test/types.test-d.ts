// Compiled, never run: what the types allow, and, with @ts-expect-error, what they refuse.
import { createCollection } from "@tanstack/db";
import { type Client, type Closing, connect, type Reason, type Reset, type Stale, type State, type Status } from "@sluice/client";
import { sluiceCollectionOptions } from "@sluice/client/db";
import { useSluice } from "@sluice/client/react";
import { connect as ofOneFile } from "@sluice/client/sluice.js";
import { startAt, state as serverState, ticket } from "@sluice/client/server";

interface Order {
  orderId: string;
  status: string;
}
type Shop = { "order.placed": Order; "order.confirmed": Order; note: { text: string } };

function same<T>(_value: T) {}

const shop: Client<Shop> = connect<Shop>({ url: "/events?stream=orders", user: "alice", cursor: "c", resume: true });
const off: () => void = shop.on("order.confirmed", (event) => {
  same<Order>(event.json());
  same<string>(event.data);
  same<string>(event.id);
  // @ts-expect-error: an order has no text
  event.json().text;
  // @ts-expect-error: events are not to be changed
  event.data = "";
});
off();
shop.on("*", (event) => same<Order | { text: string }>(event.json()));
shop.on("*", (event) => {
  if (event.type === "note") same<string>(event.json().text);
  else same<Order>(event.json());
});
shop.on("sluice.status", (event) => (same<Status>(event.data), same<Reason | undefined>(event.reason)));
shop.on("sluice.closing", (event) => same<Closing>(event.json()));
shop.on("sluice.stale", (event) => same<Stale>(event.json()));
shop.on("sluice.state", (event) => {
  // @ts-expect-error: a payload that isn't JSON has no data
  event.json().events[0]!.data.toString();
});
same<Reason | undefined>(shop.reason);
shop.on("sluice.state", (event) => same<State<Order | { text: string }>>(event.json()));
shop.on("sluice.reset", (event) => same<Reset>(event.json()));
// @ts-expect-error: no such event in this shop
shop.on("order.confirmd", () => {});
// @ts-expect-error: the cursor is the client's
shop.cursor = "";
same<Status>(shop.status);
// @ts-expect-error: there is no such status
shop.status === "lost";
shop.close();
shop.close({ forget: true });

same<Client<Shop>>(ofOneFile<Shop>({ url: "/events" }));

// Without a map any name will do, and the data is unknown.
connect().on("whatever", (event) => same<unknown>(event.json()));
connect({ headers: async () => ({ Authorization: "Bearer x" }), credentials: "include", renew: () => fetch("/login") });
// @ts-expect-error: a number is no cursor
connect({ cursor: 5 });

const { value, status, reason, error, cursor } = useSluice<Order[], Shop>({
  url: "/events",
  enabled: Math.random() > 0.5,
  initial: [],
  reduce: (orders, event) => (event.type === "note" ? orders : [...orders, event.json()]),
  restate: (state) => state.events.flatMap((event) => (same<string | undefined>(event.text), event.data && "status" in event.data ? [event.data] : [])),
  onError: (error, event) => console.log(error, event.data),
});
same<Reason | undefined>(reason);
same<unknown>(error);
same<Order[]>(value);
same<Status | "disabled">(status);
// @ts-expect-error: it may be disabled
same<Status>(status);
same<Status>(useSluice({ initial: 0, reduce: (count) => count + 1 }).status);
same<string>(cursor);
useSluice({ initial: 0, reduce: (count) => count + 1 }).value.toFixed();
// @ts-expect-error: a reducer is needed
useSluice({ initial: 1 });

const asking = { gateway: "http://gateway:8080", query: { stream: "orders" }, headers: { cookie: "session=s" } };
same<Promise<State<Order>>>(serverState<Order>(asking));
same<Promise<State<Order>>>(startAt<Order>({ ...asking, until: "o-77" }));
startAt<Order>({ ...asking, until: ({ events }) => events.some(({ data }) => data?.status === "confirmed"), within: 1000 });
ticket({ gateway: "http://gateway:8080", key: "k", stream: "orders", subject: "o-77", ttl: "30m" }).then(({ ticket }) => same<string>(ticket));
ticket({ gateway: "http://gateway:8080", key: "k", user: "alice", roles: ["customer"], once: true });
// @ts-expect-error: a subject is one of a stream
ticket({ gateway: "http://gateway:8080", key: "k", subject: "o-77" });
// @ts-expect-error: wait for what?
startAt(asking);

const collection = createCollection(
  sluiceCollectionOptions({
    id: "orders",
    connect: { url: "/events?stream=orders", user: "alice" },
    getKey: (order: Order) => order.orderId,
    onInsert: async ({ transaction, collection }) => {
      const { orderId } = transaction.mutations[0].modified;
      await collection.utils.arrived((order: Order) => order.orderId === orderId);
    },
    onStatus: (status, reason) => (same<Status>(status), same<Reason | undefined>(reason)),
  }),
);
same<Order | undefined>(collection.get("o-77"));
same<Promise<void>>(collection.utils.arrived(() => true, 1000));
createCollection(sluiceCollectionOptions<{ id: number }, number>({ connect: {}, getKey: ({ id }) => id, removes: () => 7 }));
// @ts-expect-error: where it begins is the collection's
sluiceCollectionOptions({ connect: { cursor: "c" }, getKey: (order: Order) => order.orderId });
