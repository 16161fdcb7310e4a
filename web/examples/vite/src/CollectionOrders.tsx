import { sluiceCollectionOptions } from "@sluice/client/db";
import { createCollection, useLiveQuery } from "@tanstack/react-db";
import { List } from "./List";
import { type Order, url, user } from "./order";

const orders = createCollection(sluiceCollectionOptions({ id: "orders", connect: { url, user }, getKey: (order: Order) => order.orderId }));

/** TanStack DB: a live query of a collection. */
export function CollectionOrders() {
  const { data } = useLiveQuery((q) => q.from({ order: orders }).orderBy(({ order }) => order.orderId));
  return <List id="collection" title="TanStack DB" orders={data} />;
}
