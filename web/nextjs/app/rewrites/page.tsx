import type { Metadata } from "next";
import { Arrivals } from "@/components/Arrivals";
import { callerOf } from "@/lib/session";
import { eventsURL } from "@/lib/sluice";
import { placeOrder } from "../actions";

export const metadata: Metadata = { title: "Why not rewrites()" };

export default async function Page() {
  await callerOf("/rewrites");
  return (
    <>
      <h1>Why not Next’s rewrites()</h1>
      <div className="pair">
        <Arrivals title="/events" url={eventsURL({ stream: "orders" })} testid="direct" />
        <Arrivals title="/next-events, by rewrites()" url="/next-events?stream=orders" testid="rewritten" />
      </div>
    </>
  );
}
