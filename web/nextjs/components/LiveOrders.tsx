"use client";

import type { Start } from "@/lib/sluice";
import { Connection } from "./Connection";
import { LoginEnded } from "./LoginEnded";
import { renewLogin } from "./login";
import { OrderRows } from "./OrderRows";
import { useOrders } from "./useOrders";

interface Props {
  url: string;
  user: string;
  start: Start | undefined;
  testid: "orders" | "board";
}

/** A list of orders that stays true. */
export function LiveOrders({ url, user, start, testid }: Props) {
  const { orders, status, ended } = useOrders({ url, user, start, renew: () => renewLogin(user) });
  return (
    <>
      <Connection status={status} />
      {ended && <LoginEnded />}
      <OrderRows orders={orders} testid={testid} owners={testid === "board"} />
    </>
  );
}
