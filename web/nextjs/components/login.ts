/**
 * Renews the login's cookie: Auth.js writes a new one whenever it is asked for the session. False if it has run out; rejects if the shop
 * doesn't answer.
 */
export async function renewLogin(user: string): Promise<boolean> {
  const session = await (await fetch("/api/auth/session", { cache: "no-store" })).json();
  if (session && session.user?.id !== user) location.reload(); // somebody else has logged in, in another tab
  return session?.user?.id === user;
}
