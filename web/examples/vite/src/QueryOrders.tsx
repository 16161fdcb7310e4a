import { connect } from "@sluice/client";
import { type QueryClient, queryOptions, skipToken, useQuery } from "@tanstack/react-query";
import { List } from "./List";
import { type Order, type Orders, ordersOf, url, user, withOrder } from "./order";

/** The query has no function: the stream keeps its data, so it is never stale and never thrown away. */
const orders = queryOptions<Orders>({ queryKey: ["orders", user], queryFn: skipToken, staleTime: Infinity, gcTime: Infinity });

/** Has a stream keep a query's data. Called once, beside the QueryClient, and not in a component that comes and goes. */
export function keepOrders(queries: QueryClient): () => void {
  queries.setQueryDefaults(orders.queryKey, orders);
  const sluice = connect<Record<string, Order>>({ url, user });
  sluice.on("sluice.state", (event) => queries.setQueryData(orders.queryKey, ordersOf(event.json())));
  sluice.on("*", (event) => queries.setQueryData(orders.queryKey, (old: Orders = {}) => withOrder(old, event.json())));
  return () => sluice.close();
}

/** TanStack Query: any component takes what it needs of the data. */
export function QueryOrders() {
  const { data = [] } = useQuery({ ...orders, select: (all) => Object.values(all) });
  return <List id="query" title="TanStack Query" orders={data} />;
}
