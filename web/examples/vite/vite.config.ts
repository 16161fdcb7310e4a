import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

// The gateway is behind the page's own origin, as it is behind a proxy in production.
const gateway = process.env.SLUICE_URL ?? "http://127.0.0.1:8080";
const proxy = { "/events": gateway, "/state": gateway };

export default defineConfig({ plugins: [react()], server: { proxy }, preview: { proxy } });
