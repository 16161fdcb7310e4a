// What the environment says. Everything is read when it is asked for and not when the app is built, so that
// one build runs anywhere.

/** Kafka's brokers, host:port each. */
export const brokers = () => (process.env.KAFKA_BROKERS || "127.0.0.1:9092").split(",").map((broker) => broker.trim());

/** The topic that orders and their confirmations are written to. */
export const orderTopic = () => process.env.ORDER_TOPIC || "order-topic";

/** The gateway, as this server reaches it. */
export const sluiceURL = () => (process.env.SLUICE_URL || "http://127.0.0.1:8080").replace(/\/+$/, "");

/** The gateway, as browsers reach it, if it has an origin of its own. "": it is behind the shop's own. */
export const sluicePublicURL = () => (process.env.SLUICE_PUBLIC_URL || "").replace(/\/+$/, "");

/** The shop's key for POST /tickets. */
export const sluiceAPIKey = () => process.env.SLUICE_API_KEY || "";

/** The secret that sluice signs its messages to /api/order-mail with. */
export const mailSecret = () => process.env.MAIL_SECRET || "";

/** The mail server. */
export const smtpURL = () => process.env.SMTP_URL || "smtp://127.0.0.1:2525";

/** The folder that says which mails were sent. */
export const notesDir = () => process.env.MAIL_NOTES_DIR || ".shop/mail-notes";

/** Seconds that a login lasts. */
export const sessionMaxAge = () => positive("SESSION_MAX_AGE", 24 * 60 * 60);

/** Milliseconds from an order to its confirmation. */
export const confirmDelay = () => positive("CONFIRM_DELAY_MS", 1500);

function positive(name: string, otherwise: number): number {
  const text = process.env[name];
  if (!text) return otherwise;
  const value = Number(text);
  if (!(value >= 0)) throw new Error(`${name}: ${JSON.stringify(text)} is not a number`);
  return value;
}
