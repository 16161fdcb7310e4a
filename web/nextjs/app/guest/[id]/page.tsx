import type { Metadata } from "next";
import { notFound } from "next/navigation";
import { LiveOrder } from "@/components/LiveOrder";
import { eventsURL, startAt, ticketFor } from "@/lib/sluice";

export const metadata: Metadata = { title: "Your order" };

export default async function Page({ params }: PageProps<"/guest/[id]">) {
  const { id } = await params;
  // The shop decides which orders it asks tickets for: those of guests, whose ids nobody can guess.
  if (!/^g-[0-9a-f]{32}$/.test(id)) notFound();
  const ticket = await ticketFor(id);
  const start = ticket ? await startAt(id, { ticket }) : undefined;
  if (start && start.orders.list.length === 0) notFound();
  return (
    <>
      <h1>Your order</h1>
      {ticket ? (
        <LiveOrder orderId={id} url={eventsURL({ ticket })} start={start} />
      ) : (
        <p className="notice" role="alert">
          The order can’t be shown just now. Please load the page again.
        </p>
      )}
    </>
  );
}
