// Starts all of the shop: `npm run demo` with the Kafka inside sluice, and `npm run shop` with yours (KAFKA_BROKERS). `npm run dev` is for
// who changes it: Next and the worker follow the files. README.md says what the variables are. Ctrl-C ends everything, in order.

import { execFileSync } from "node:child_process";
import { existsSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { buildClient, buildShop, buildWorker } from "./build.mjs";
import { Children } from "./children.mjs";
import { has, nginx } from "./nginx.mjs";
import { secrets } from "./secrets.mjs";

const home = join(import.meta.dirname, "..");
process.chdir(home);

const env = process.env;
const dev = process.argv.includes("--dev");
const own = process.argv.includes("--kafka") || (dev && Boolean(env.KAFKA_BROKERS));
const ports = {
  shop: Number(env.PORT || 3000),
  https: Number(env.HTTPS_PORT || 3443),
  next: Number(env.NEXT_PORT || 3001),
  sluice: Number(env.GATEWAY_PORT || 8080),
  admin: Number(env.GATEWAY_ADMIN_PORT || 9090),
  kafka: Number(env.KAFKA_PORT || 9092),
  mail: Number(env.MAIL_PORT || 2525),
};

/** Says what is wrong, and ends. */
function give(up) {
  console.error(up);
  process.exit(1);
}

function taken(port) {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(true));
    server.listen({ port, host: "127.0.0.1" }, () => server.close(() => resolve(false)));
  });
}

/** Waits until something answers at a URL, as a browser would be answered. */
async function answers(url) {
  for (;;) {
    const response = await fetch(url, { redirect: "manual" }).catch(() => undefined);
    if (response && response.status < 500) return;
    await sleep(100);
  }
}

if (own && !env.KAFKA_BROKERS) give("KAFKA_BROKERS is missing: KAFKA_BROKERS=host:9092 npm run shop. Without a Kafka: npm run demo.");
if (!existsSync("node_modules/next")) give("The packages are missing: npm ci");

// In between, nginx would answer with its own page whenever Next is about to start again.
const withNginx = !dev && env.SLUICE_PUBLIC_URL === undefined && has("nginx");
const needed = { PORT: ports.shop, GATEWAY_PORT: ports.sluice, GATEWAY_ADMIN_PORT: ports.admin, MAIL_PORT: ports.mail };
if (!own) needed.KAFKA_PORT = ports.kafka;
if (withNginx) Object.assign(needed, { NEXT_PORT: ports.next, ...(has("openssl") && { HTTPS_PORT: ports.https }) });
for (const [variable, port] of Object.entries(needed)) {
  if (await taken(port)) give(`Port ${port} is taken. ${variable}=${port + 1000} chooses another.`);
}

const children = new Children();
let stopping = false;
const stop = () => {
  stopping = true;
  return children.stop();
};
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, stop);

buildClient();
if (dev) buildWorker();
else buildShop();
let sluice = env.SLUICE;
if (!sluice) {
  sluice = join(home, ".shop", "sluice");
  console.log("Building sluice.");
  execFileSync("go", ["build", "-o", sluice, "./cmd/sluice"], { cwd: join(home, "..", ".."), stdio: "inherit" });
}

const { authSecret, apiKey, mailSecret } = secrets(".shop");
const nextPort = withNginx ? ports.next : ports.shop;
const origins = [`http://localhost:${ports.shop}`, `https://localhost:${ports.https}`];
const gateway = {
  SLUICE_LISTEN: `127.0.0.1:${ports.sluice}`,
  SLUICE_ADMIN: `127.0.0.1:${ports.admin}`,
  SLUICE_CORS_ORIGINS: origins.join(","),
  SLUICE_DELIVERIES_ORDER_MAIL_HTTP_URL: `http://127.0.0.1:${nextPort}/api/order-mail`,
  // The app's own, of which the gateway has no such keys.
  SLUICE_URL: undefined,
  SLUICE_PUBLIC_URL: undefined,
  SLUICE_API_KEY: undefined,
};
const brokers = own ? env.KAFKA_BROKERS : `127.0.0.1:${ports.kafka}`;
// The Kafka inside sluice begins anew each time, and so do the ids of its messages.
if (!own) rmSync(".shop/mail-notes", { recursive: true, force: true });
const shop = {
  KAFKA_BROKERS: brokers,
  AUTH_SECRET: authSecret,
  AUTH_TRUST_HOST: "true",
  SLUICE_URL: `http://127.0.0.1:${ports.sluice}`,
  SLUICE_API_KEY: apiKey,
  MAIL_SECRET: mailSecret,
  SMTP_URL: `smtp://127.0.0.1:${ports.mail}`,
  SLUICE_PUBLIC_URL: withNginx ? "" : (env.SLUICE_PUBLIC_URL ?? `http://localhost:${ports.sluice}`),
  NEXT_TELEMETRY_DISABLED: "1",
};

children.start("mailbox", process.execPath, [".build/worker/mailbox.js"], { MAIL_PORT: String(ports.mail), MAIL_DIR: ".shop/mails" });
if (own) {
  const { makeTopic } = await import("../.build/worker/topic.js");
  Object.assign(process.env, shop);
  await makeTopic().catch((error) => give(`Kafka at ${brokers}: ${error.message}`));
  children.start("sluice", sluice, ["serve", "-c", "sluice.yaml"], { ...gateway, SLUICE_KAFKA_BROKERS: brokers }, { again: true });
} else {
  children.start("sluice", sluice, ["demo", "-c", "sluice.yaml", "--kafka", brokers], gateway);
}
const ready = (async () => {
  await answers(`http://127.0.0.1:${ports.admin}/readyz`);
  const worker = ".build/worker/main.js";
  const next = "node_modules/next/dist/bin/next";
  if (dev) {
    const follow = ["--watch", "--preserveWatchOutput"];
    children.start("tsc", process.execPath, ["node_modules/typescript/bin/tsc", "-p", "tsconfig.node.json", ...follow]);
    if (existsSync("../client/node_modules/typescript")) {
      children.start("client", process.execPath, ["../client/node_modules/typescript/bin/tsc", "-p", "../client", ...follow]);
    }
    children.start("worker", process.execPath, ["--watch", "--watch-preserve-output", worker], shop);
    children.start("next", process.execPath, [next, "dev", "-p", String(nextPort)], { ...shop, NODE_ENV: "development" });
  } else {
    children.start("worker", process.execPath, [worker], shop);
    const host = withNginx ? "127.0.0.1" : "0.0.0.0";
    children.start("next", process.execPath, [next, "start", "-p", String(nextPort), "-H", host], shop);
  }
  await answers(`http://127.0.0.1:${nextPort}/login`);
  let https = false;
  if (withNginx) {
    const made = nginx(join(home, ".shop", "nginx"), ports);
    https = made.https;
    children.start("nginx", "nginx", made.args);
    await answers(`http://127.0.0.1:${ports.shop}/login`);
  }
  console.log(`
The shop is open: http://localhost:${ports.shop}${https ? `, and by HTTP/2 https://localhost:${ports.https} (the certificate is self-signed)` : ""}
Log in as alice, bob or carol, or as sam, who is staff. The password is demo. Ctrl-C ends it.
Customers' mail is in .shop/mails, a file each.
${dev ? "Change a file and see.\n" : ""}${withNginx ? "" : `There is no nginx in between: pages read http://localhost:${ports.sluice}, by CORS.\n`}`);
})();

const why = await Promise.race([children.failed, ready.then(() => children.failed)]);
if (!stopping) {
  console.error(why);
  process.exitCode = 1;
}
await stop();
