// Builds what is older than what it is made of: the client, and the shop. As a program it builds the client, for `npm run build`, or
// says what is due (--due).

import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";

const home = join(import.meta.dirname, "..");
const client = join(home, "..", "client");
const made = new Set(["node_modules", ".next", ".build", ".shop", "test", "next-env.d.ts", "tsconfig.tsbuildinfo", "README.md"]);

/** When the newest file of a folder was written. */
function newest(path) {
  const entry = statSync(path);
  if (!entry.isDirectory()) return entry.mtimeMs;
  const parts = readdirSync(path).filter((name) => !made.has(name));
  return Math.max(0, ...parts.map((name) => newest(join(path, name))));
}

const older = (result, sources) => !existsSync(result) || statSync(result).mtimeMs < Math.max(...sources.map(newest));

const npm = (dir, ...args) => execFileSync("npm", args, { cwd: dir, stdio: "inherit" });

const clientSources = ["src", "package.json", "tsconfig.json"].map((name) => join(client, name));

// `npm run build` empties dist first, so each of its files is new.
const clientIsDue = () => older(join(client, "dist", "index.js"), clientSources);

function shopIsDue() {
  const sources = [home, ...clientSources, join(home, "..", "docs", "follow.js")];
  return !existsSync(join(home, ".build", "worker", "mailbox.js")) || older(join(home, ".next", "BUILD_ID"), sources);
}

/** Builds the client, if it has changed. */
export function buildClient() {
  if (!clientIsDue()) return;
  console.log("Building @sluice/client.");
  if (!existsSync(join(client, "node_modules", "typescript"))) npm(client, "ci", "--no-audit", "--no-fund");
  npm(client, "run", "build");
}

/** Builds the shop, if it or what it uses has changed. */
export function buildShop() {
  if (!shopIsDue()) return;
  console.log("Building the shop.");
  npm(home, "run", "build");
}

/** Builds the worker, which TypeScript does in a moment. */
export function buildWorker() {
  execFileSync("npx", ["tsc", "-p", "tsconfig.node.json"], { cwd: home, stdio: "inherit" });
}

if (process.argv[1] === import.meta.filename) {
  if (process.argv.includes("--due")) console.log([clientIsDue() && "client", shopIsDue() && "shop"].filter(Boolean).join(" "));
  else buildClient();
}
