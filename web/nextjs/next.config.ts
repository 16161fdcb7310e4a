import { join } from "node:path";
import type { NextConfig } from "next";
import { sluiceURL } from "./lib/env.ts";

const config: NextConfig = {
  // @sluice/client is a folder beside this one.
  turbopack: { root: join(import.meta.dirname, "..") },
  serverExternalPackages: ["@platformatic/kafka"],
  experimental: { authInterrupts: true }, // forbidden()
  poweredByHeader: false,
  // For /rewrites only, which shows why events should not come this way.
  rewrites: async () => [{ source: "/next-events", destination: `${sluiceURL()}/events` }],
};

export default config;
