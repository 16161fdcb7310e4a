import type { Metadata } from "next";
import { LiveOrders } from "@/components/LiveOrders";
import { callerOf } from "@/lib/session";
import { eventsURL, start } from "@/lib/sluice";

export const metadata: Metadata = { title: "Your orders" };

export default async function Page({ searchParams }: PageProps<"/orders">) {
  const user = await callerOf("/orders");
  const { confirmed } = await searchParams;
  const stream = { stream: "orders" };
  return (
    <>
      <h1>Your orders</h1>
      {typeof confirmed === "string" && (
        <p className="success" role="status" data-testid="confirmed">
          Order {confirmed} is confirmed.
        </p>
      )}
      <LiveOrders url={eventsURL(stream)} user={user.id} start={await start(stream)} testid="orders" />
    </>
  );
}
