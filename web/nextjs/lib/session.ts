import "server-only";
import { redirect } from "next/navigation";
import { auth } from "@/auth";

export interface Caller {
  id: string;
  roles: string[];
}

/** Who is asking. */
export async function caller(): Promise<Caller | undefined> {
  const user = (await auth())?.user;
  return user?.id ? { id: user.id, roles: user.roles ?? [] } : undefined;
}

/** Who is asking; nobody is sent to the login, and from there back to the path. */
export async function callerOf(path: string): Promise<Caller> {
  return (await caller()) ?? redirect(`/login?${new URLSearchParams({ next: path })}`);
}
