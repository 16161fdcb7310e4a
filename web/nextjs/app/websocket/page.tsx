import type { Metadata } from "next";
import { SocketOrders } from "@/components/SocketOrders";
import { callerOf } from "@/lib/session";
import { socketURL, start } from "@/lib/sluice";

export const metadata: Metadata = { title: "WebSocket" };

export default async function Page() {
  const user = await callerOf("/websocket");
  const stream = { stream: "orders" };
  const begin = await start(stream);
  return (
    <>
      <h1>Your orders, by WebSocket</h1>
      {begin ? (
        <SocketOrders url={socketURL(stream)} user={user.id} start={begin} />
      ) : (
        <p role="alert" className="notice">
          The orders can’t be had just now. Please load the page again.
        </p>
      )}
    </>
  );
}
