import type { Notes } from "./notes.ts";
import { mailed, type Order } from "./order.ts";

/** What mailing an order takes. */
export interface Office {
  notes: Pick<Notes, "has" | "add">;
  /** The customer's address; undefined: there is none. */
  addressOf: (user: string) => string | undefined;
  /** Sends the mail, and returns when the mail server has it. */
  send: (order: Order, to: string) => Promise<void>;
  /** Tells the shop's pages, by Kafka. */
  tell: (order: Order) => Promise<void>;
}

export type Outcome = "sent" | "repeat" | "known" | "nobody";

// What is under way in this process, by order. The same message may come again before its first attempt has ended.
const underWay = new Map<string, Promise<unknown>>();

/**
 * Mails a customer that an order is confirmed: once, however often it is asked to.
 *
 * There are two kinds of repeats. A message that is delivered again has the same id, and all is done for it. An order that was confirmed
 * twice is two messages of one order: the mail was sent, and the pages are told once more, since the second confirmation is what they show.
 *
 * A process that is killed between the mail server's answer and the note sends the mail again. That mail has the same Message-ID.
 */
export async function mailOrder(office: Office, id: string, order: Order): Promise<Outcome> {
  for (let other = underWay.get(order.orderId); other; other = underWay.get(order.orderId)) await other.catch(() => {});
  const work = mailNow(office, id, order);
  underWay.set(order.orderId, work);
  try {
    return await work;
  } finally {
    underWay.delete(order.orderId);
  }
}

async function mailNow({ notes, addressOf, send, tell }: Office, id: string, order: Order): Promise<Outcome> {
  const message = `message ${id}`;
  const mail = `mail ${order.orderId}`;
  if (await notes.has(message)) return "repeat";
  const to = addressOf(order.user);
  if (!to) return "nobody";
  const known = await notes.has(mail);
  if (!known) {
    await send(order, to);
    await notes.add(mail);
  }
  await tell(mailed(order));
  await notes.add(message);
  return known ? "known" : "sent";
}
