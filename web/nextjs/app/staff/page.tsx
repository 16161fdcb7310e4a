import type { Metadata } from "next";
import { forbidden } from "next/navigation";
import { LiveOrders } from "@/components/LiveOrders";
import { callerOf } from "@/lib/session";
import { eventsURL, start } from "@/lib/sluice";

export const metadata: Metadata = { title: "All orders" };

export default async function Page() {
  const user = await callerOf("/staff");
  if (!user.roles.includes("staff")) forbidden(); // for politeness: the gateway wouldn't give him the board
  const stream = { stream: "board" };
  return (
    <>
      <h1>All orders</h1>
      <LiveOrders url={eventsURL(stream)} user={user.id} start={await start(stream)} testid="board" />
    </>
  );
}
