import type { Metadata } from "next";
import { Arrivals } from "@/components/Arrivals";
import { callerOf } from "@/lib/session";
import { eventsURL } from "@/lib/sluice";

export const metadata: Metadata = { title: "Why not rewrites()" };

export default async function Page() {
  await callerOf("/rewrites");
  return (
    <>
      <h1>Why not Next’s rewrites()</h1>
      <p>
        The same events by two ways: as they should come, from sluice through the proxy in front of both (or by CORS), and through Next.
        Place orders in another tab and both fill alike. Then stop the gateway for some seconds: only one comes back.
      </p>
      <div className="pair">
        <Arrivals title="As they should" url={eventsURL({ stream: "orders" })} testid="direct" />
        <Arrivals title="Through Next" url="/next-events?stream=orders" testid="rewritten" />
      </div>
      <ul>
        <li>
          While a gateway restarts, Next answers 500. From any answer but 200 a browser’s EventSource never comes back. A proxy can be told
          better; Next can’t.
        </li>
        <li>Next 16.4 holds at most 256 such requests at a time. The page after them waits for one to close, without an error.</li>
        <li>
          Next compresses what it passes on, and a compressed stream arrives when a buffer is full. What saves it is that sluice says
          no-transform.
        </li>
        <li>Every deployment of the app ends every stream, and each stream is two sockets in the process that renders the pages.</li>
        <li>rewrites() keeps the address of the gateway from when the app was built.</li>
      </ul>
    </>
  );
}
