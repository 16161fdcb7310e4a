import { createHash } from "node:crypto";
import { createTransport } from "nodemailer";
import { smtpURL } from "./env.ts";
import type { Order } from "./order.ts";

/** Sends a customer the confirmation of an order, and returns when the mail server has it. */
export async function sendConfirmation(order: Order, to: string): Promise<void> {
  // The attempt has to end before the gateway gives up waiting for it (http.timeout).
  const transport = createTransport({ url: smtpURL(), connectionTimeout: 3_000, greetingTimeout: 3_000, socketTimeout: 5_000 });
  try {
    await transport.sendMail({
      from: "The Lock-keeper’s Shop <orders@shop.example>",
      to,
      subject: `Your order ${order.orderId} is confirmed`,
      text: `Thank you! Your order is confirmed.\n\n${order.item}, ${order.total.toFixed(2)} EUR\nOrder ${order.orderId}\n`,
      messageId: messageID(order.orderId),
      headers: { "Auto-Submitted": "auto-generated" },
    });
  } finally {
    transport.close();
  }
}

/** The same for each mail about an order's confirmation, so that mailboxes can drop a second one. */
export const messageID = (orderId: string) => `<confirmed.${createHash("sha256").update(orderId).digest("hex").slice(0, 32)}@shop.example>`;
