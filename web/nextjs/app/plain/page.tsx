import type { Metadata } from "next";
import { PlainOrders } from "@/components/PlainOrders";
import { callerOf } from "@/lib/session";
import { eventsURL, start } from "@/lib/sluice";

export const metadata: Metadata = { title: "Plain EventSource" };

export default async function Page() {
  const user = await callerOf("/plain");
  const stream = { stream: "orders" };
  const begin = await start(stream);
  return (
    <>
      <h1>Your orders, by plain EventSource</h1>
      {begin ? (
        <PlainOrders url={eventsURL(stream)} user={user.id} start={begin} />
      ) : (
        <p role="alert" className="notice">
          The orders can’t be had just now. Please load the page again.
        </p>
      )}
    </>
  );
}
