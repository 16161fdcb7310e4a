import type { Metadata } from "next";
import { inside } from "@/lib/inside";
import { login } from "../actions";

export const metadata: Metadata = { title: "Log in" };

export default async function Page({ searchParams }: PageProps<"/login">) {
  const { next, failed } = await searchParams;
  return (
    <>
      <h1>Log in</h1>
      <form className="card" action={login}>
        {failed && (
          <p className="notice" role="alert">
            That name and password don’t match.
          </p>
        )}
        <input type="hidden" name="next" value={inside(next)} />
        <label>
          Name
          <input name="username" autoComplete="username" autoCapitalize="none" required />
        </label>
        <label>
          Password
          <input name="password" type="password" autoComplete="current-password" required />
        </label>
        <button type="submit">Log in</button>
      </form>
      <p className="quiet">alice, bob and carol are customers, sam is staff. The password is demo.</p>
    </>
  );
}
