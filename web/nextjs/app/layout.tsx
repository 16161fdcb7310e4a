import type { Metadata, Viewport } from "next";
import Link from "next/link";
import { caller } from "@/lib/session";
import { logout } from "./actions";
import "./globals.css";

export const metadata: Metadata = {
  title: { default: "The Lock-keeper’s Shop", template: "%s · The Lock-keeper’s Shop" },
  description: "A small shop whose order confirmations arrive by themselves",
};

export const viewport: Viewport = { colorScheme: "light dark" };

export default async function Layout({ children }: { children: React.ReactNode }) {
  const user = await caller();
  return (
    <html lang="en">
      <body>
        <a className="skip" href="#main">
          Skip to content
        </a>
        <header>
          <Link className="brand" href="/">
            The Lock-keeper’s Shop
          </Link>
          <nav aria-label="Shop">
            <Link href="/">Shop</Link>
            {user && <Link href="/orders">Orders</Link>}
            {user?.roles.includes("staff") && <Link href="/staff">Staff</Link>}
            {!user && <Link href="/guest">Guest</Link>}
            {user ? (
              <form action={logout}>
                <button className="link" type="submit">
                  Log out {user.id}
                </button>
              </form>
            ) : (
              <Link href="/login">Log in</Link>
            )}
          </nav>
        </header>
        <main id="main" tabIndex={-1}>
          {children}
        </main>
        <footer>
          <nav aria-label="How it works">
            <Link href="/plain">With plain EventSource</Link>
            <Link href="/websocket">With a WebSocket</Link>
            <Link href="/rewrites">Why not rewrites()</Link>
          </nav>
        </footer>
      </body>
    </html>
  );
}
