import NextAuth from "next-auth";
import Credentials from "next-auth/providers/credentials";
import { sessionMaxAge } from "./lib/env.ts";
import { customerBy } from "./lib/users.ts";

declare module "next-auth" {
  interface User {
    roles?: string[];
  }
}

// The session is an encrypted cookie. sluice opens the same cookie with the same secret (auth.authjs in sluice.yaml):
// `sub` is the user that records name, `roles` is what `access` asks for.
export const { handlers, auth, signIn, signOut } = NextAuth({
  session: { strategy: "jwt", maxAge: sessionMaxAge() },
  pages: { signIn: "/login" },
  providers: [
    Credentials({
      credentials: { username: {}, password: {} },
      authorize: ({ username, password }) => customerBy(username, password),
    }),
  ],
  callbacks: {
    jwt: ({ token, user }) => (user ? { ...token, sub: user.id, roles: user.roles } : token),
    session: ({ session, token }) => {
      Object.assign(session.user, { id: token.sub, roles: token.roles });
      return session;
    },
  },
});
