import type { Metadata } from "next";
import { notFound } from "next/navigation";
import { LiveOrder } from "@/components/LiveOrder";
import { callerOf } from "@/lib/session";
import { eventsURL, startAt } from "@/lib/sluice";

export const metadata: Metadata = { title: "Your order" };

export default async function Page({ params, searchParams }: PageProps<"/orders/[id]">) {
  const [{ id }, { placed, stay }] = await Promise.all([params, searchParams]);
  const user = await callerOf(`/orders/${id}`);
  // The user's whole stream, and not ?subject= of it: all tabs of his can then share one connection.
  const stream = { stream: "orders" };
  const start = await startAt(id, stream);
  if (start && !start.orders.list.some((order) => order.orderId === id)) notFound();
  return (
    <>
      <h1>Your order</h1>
      <LiveOrder orderId={id} url={eventsURL(stream)} user={user.id} start={start} placed={Boolean(placed)} stay={Boolean(stay)} />
    </>
  );
}
