/** Renews the login's cookie: Auth.js writes a new one whenever it is asked for the session. Rejects if it has run out. */
export async function renewLogin(user: string): Promise<void> {
  const session = await (await fetch("/api/auth/session", { cache: "no-store" })).json();
  if (!session?.user) throw new Error("the login has ended");
  if (session.user.id !== user) location.reload(); // somebody else has logged in, in another tab
}
