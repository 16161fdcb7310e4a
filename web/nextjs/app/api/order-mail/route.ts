import { Webhook, WebhookVerificationError } from "standardwebhooks";
import { mailSecret, notesDir } from "@/lib/env";
import { write } from "@/lib/kafka";
import { sendConfirmation } from "@/lib/mail";
import { Notes } from "@/lib/notes";
import { asOrder } from "@/lib/order";
import { mailOrder } from "@/lib/order-mail";
import { addressOf } from "@/lib/users";

const MOST = 64 * 1024; // bytes of a message

const answer = (status: number) => new Response(null, { status });

/**
 * Takes the orders that sluice delivers (deliveries.order-mail in sluice.yaml), and mails each customer once. What isn't answered with 2xx
 * comes again: see docs/deliveries.md for what each answer means there.
 */
export async function POST(request: Request) {
  const length = Number(request.headers.get("content-length") ?? Number.NaN);
  if (!(length <= MOST)) return answer(413); // before any of it is read
  const body = await request.text();
  const id = request.headers.get("webhook-id") ?? "";
  let order: ReturnType<typeof asOrder>;
  try {
    order = asOrder(new Webhook(mailSecret()).verify(body, Object.fromEntries(request.headers)));
  } catch (error) {
    if (error instanceof WebhookVerificationError) return answer(401);
    if (error instanceof SyntaxError) return answer(422); // signed, and no JSON
    throw error;
  }
  if (order?.status !== "confirmed") return answer(422);
  try {
    const office = { notes: new Notes(notesDir()), addressOf, send: sendConfirmation, tell: write };
    console.log(`mail: ${order.orderId} ${id}: ${await mailOrder(office, id, order)}`);
    return answer(204);
  } catch (error) {
    console.error(`mail: ${order.orderId} ${id}: ${error}`);
    return answer(503); // the mail server or Kafka is away
  }
}
