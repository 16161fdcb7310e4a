"use server";

import { randomBytes } from "node:crypto";
import { redirect } from "next/navigation";
import { AuthError } from "next-auth";
import { auth, signIn, signOut } from "@/auth";
import { inside } from "@/lib/inside";
import { write } from "@/lib/kafka";
import type { Order } from "@/lib/order";
import { productBy } from "@/lib/products";

export async function login(form: FormData) {
  const next = inside(form.get("next"));
  try {
    await signIn("credentials", { username: form.get("username"), password: form.get("password"), redirect: false });
  } catch (error) {
    if (!(error instanceof AuthError)) throw error;
    redirect(`/login?${new URLSearchParams({ failed: "1", next })}`);
  }
  redirect(next);
}

export async function logout() {
  await signOut({ redirect: false });
  redirect("/");
}

/** Writes an order to Kafka. When Kafka has it, the browser goes on to the order's page. */
export async function placeOrder(form: FormData) {
  const session = await auth();
  if (!session?.user?.id) redirect("/login?next=/");
  const id = `o-${randomBytes(6).toString("hex")}`;
  await place(id, session.user.id, form.get("product"), "/");
  redirect(`/orders/${id}?placed=1`);
}

/** The same without a login: who knows the order's id may follow it, so that it can't be guessed. */
export async function placeGuestOrder(form: FormData) {
  const id = `g-${randomBytes(16).toString("hex")}`;
  await place(id, `guest:${id}`, form.get("product"), "/guest");
  redirect(`/guest/${id}`);
}

async function place(orderId: string, user: string, id: unknown, from: string) {
  const product = productBy(id);
  if (!product) redirect(from);
  const order: Order = { orderId, user, status: "placed", item: product.name, total: product.price, type: "order.placed" };
  try {
    await write(order);
  } catch (error) {
    console.error(`an order was not taken: ${error}`);
    redirect(`${from}?failed=1`);
  }
}
