import { join } from "node:path";
import type { NextConfig } from "next";

const config: NextConfig = {
  // @sluice/client is a folder beside this one.
  turbopack: { root: join(import.meta.dirname, "..") },
  serverExternalPackages: ["@platformatic/kafka"],
  experimental: { authInterrupts: true }, // forbidden()
  poweredByHeader: false,
};

export default config;
