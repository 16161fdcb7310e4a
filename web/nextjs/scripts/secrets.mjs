// What the app and the gateway have to share, made once and kept in a folder that git ignores.

import { createHash, randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Returns { authSecret, apiKey, mailSecret }, and makes what is missing of the files that sluice.yaml names. */
export function secrets(dir) {
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const kept = (name, make) => {
    const path = join(dir, name);
    if (!existsSync(path)) writeFileSync(path, `${make()}\n`, { mode: 0o600 });
    return readFileSync(path, "utf8").trim();
  };
  const random = () => randomBytes(32).toString("base64url");
  const apiKey = kept("api-key", () => `sluice_${random()}`);
  kept("tickets-secret", random);
  // As `sluice keys new` writes it: the gateway needs the hash only.
  writeFileSync(join(dir, "keys.yaml"), `shop: sha256:${createHash("sha256").update(apiKey).digest("hex")}\n`, { mode: 0o600 });
  const mailSecret = kept("mail-secret", () => `whsec_${randomBytes(32).toString("base64")}`);
  return { authSecret: kept("auth-secret", random), apiKey, mailSecret };
}
