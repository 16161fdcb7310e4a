import type { Metadata } from "next";
import { logout } from "../actions";

export const metadata: Metadata = { title: "Log out" };

export default function Page() {
  return (
    <>
      <h1>Log out</h1>
      <form action={logout}>
        <button type="submit">Log out</button>
      </form>
    </>
  );
}
