// Verifies the requests of stdin with npm's standardwebhooks, once with each secret.
import { readFileSync } from "node:fs";
import { Webhook } from "standardwebhooks";

const { secrets, wrong, requests } = JSON.parse(readFileSync(0, "utf8"));
for (const { header, body } of requests) {
  for (const secret of secrets) new Webhook(secret).verify(body, header);
  for (const [secret, text] of [[wrong, body], [secrets[0], body + " "]]) {
    let passed = true;
    try {
      new Webhook(secret).verify(text, header);
    } catch {
      passed = false;
    }
    if (passed) throw new Error("a wrong signature passed");
  }
}
console.log(`verified ${requests.length}`);
