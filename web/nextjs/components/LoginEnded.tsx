"use client";

import { usePathname } from "next/navigation";

/** Says that the login has ended. The page goes on by itself once there is one again, from another tab too. */
export function LoginEnded() {
  return (
    <p className="notice" role="alert" data-testid="login-ended">
      Your login has ended, so nothing new arrives here. <a href={`/login?${new URLSearchParams({ next: usePathname() })}`}>Log in again</a>
    </p>
  );
}
