// Standard Webhooks (https://www.standardwebhooks.com), with what Node.js has.
import { createHmac, timingSafeEqual } from "node:crypto";

const tolerance = 5 * 60; // seconds: older messages may be replays

/** Reports whether one of the secrets has signed a message. Headers are in lower case. */
export function verified(secrets, headers, body, now = Date.now() / 1000) {
  const id = headers["webhook-id"];
  const timestamp = headers["webhook-timestamp"];
  const signatures = (headers["webhook-signature"] ?? "").split(" ");
  if (!id || !(Math.abs(now - Number(timestamp)) <= tolerance)) return false;
  return secrets
    .split(/\s+/)
    .filter(Boolean)
    .some((secret) => {
      const key = Buffer.from(secret.replace(/^whsec_/, ""), "base64");
      if (key.length < 24) return false; // no secret is one that anybody knows
      const mac = createHmac("sha256", key).update(`${id}.${timestamp}.`).update(body).digest("base64");
      const want = Buffer.from(`v1,${mac}`);
      return signatures.some((s) => s.length === want.length && timingSafeEqual(Buffer.from(s), want));
    });
}
