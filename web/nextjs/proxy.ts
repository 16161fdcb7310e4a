import { type NextRequest, NextResponse } from "next/server";
import { sluicePublicURL, sluiceURL } from "./lib/env.ts";

/**
 * For the page /rewrites only, which shows why events should not come this way: the rewrite that rewrites() in next.config makes, by the
 * same code of Next's. That one keeps the gateway's address from when the app was built; this one asks now.
 */
const viaNext = (request: NextRequest) => NextResponse.rewrite(`${sluiceURL()}/events${request.nextUrl.search}`);

/** Gives each page a content security policy: scripts run if they bear the nonce of this very answer, and no others. */
export function proxy(request: NextRequest) {
  if (request.nextUrl.pathname === "/next-events") return viaNext(request);
  const nonce = crypto.randomUUID();
  const dev = process.env.NODE_ENV === "development"; // Next's own tools are in the page then
  const policy = [
    "default-src 'none'",
    `script-src 'nonce-${nonce}' 'strict-dynamic'${dev ? " 'unsafe-eval'" : ""}`,
    `style-src 'self' ${dev ? "'unsafe-inline'" : `'nonce-${nonce}'`}`,
    "img-src 'self'",
    "font-src 'self'",
    `connect-src 'self' ${sluicePublicURL()} ${sluicePublicURL().replace(/^http/, "ws")}`.trim(),
    "form-action 'self'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
  ].join("; ");
  const headers = new Headers(request.headers);
  headers.set("Content-Security-Policy", policy); // Next takes the nonce from here
  const response = NextResponse.next({ request: { headers } });
  response.headers.set("Content-Security-Policy", policy);
  response.headers.set("X-Content-Type-Options", "nosniff");
  response.headers.set("Referrer-Policy", "same-origin");
  return response;
}

export const config = { matcher: "/((?!_next/|api/|icon.svg).*)" };
